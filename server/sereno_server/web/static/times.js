// Keeps relative times true. The server's clock counts: the page says what time it was when it was made.
import { relative, span } from "./words.js";

const offset = Date.parse(document.body.dataset.now) - Date.now();
export const now = () => Date.now() + offset;

export function refresh() {
  const at = now();
  for (const element of document.querySelectorAll("[data-at]")) {
    const moment = Date.parse(element.dataset.at);
    const said = "plain" in element.dataset ? span((at - moment) / 1000) : relative(moment, at);
    if (element.textContent !== said) element.textContent = said;
  }
}

setInterval(refresh, 1000);

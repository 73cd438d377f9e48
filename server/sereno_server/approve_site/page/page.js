// The page: reads its link, shows the text and what it means, and lets a person sign it, deny it, or make a passkey.
import { Refused, writeDocument, writeTime } from "./documents.js";
import { readAsked } from "./asked.js";
import { make, sha256, sign } from "./passkey.js";
import { parts, returnAddress, unpack } from "./link.js";
import { copyButton, describe, el, headline, clock, span } from "./view.js";
import { say } from "./words.js";

const DEVICES = "sereno-devices"; // "organisation name" -> the id that this page first saw under that name
const REASONS = ["not now, ask the day shift", "too risky", "I cannot judge it", "this was not expected"];
const main = document.getElementById("main");
const hold = document.getElementById("hold");
const strip = document.getElementById("left");
let ticking = 0;

async function start() {
  clearInterval(ticking);
  strip.replaceChildren();
  hold.replaceChildren();
  try {
    if (window.top !== window.self) throw new Refused("E_PASSKEY_CROSS_ORIGIN", say("This page works only on its own, not inside another."));
    const link = parts();
    if (link.has("doc")) return await decide(await unpack(link.get("doc")), link);
    if (link.has("enrol")) return enrol(link);
    return welcome();
  } catch (error) {
    return refuse(error);
  }
}

function refuse(error) {
  const known = error instanceof Refused;
  hold.replaceChildren();
  strip.replaceChildren();
  main.replaceChildren(
    el("h1", {}, say("That cannot be signed here.")),
    el("p", { class: "note failing mt", role: "alert" }, el("span", { class: "st failing" }, known ? error.code : "E_INTERNAL"), el("span", {}, known ? error.what : String(error))),
    el("p", { class: "mt ink2" }, say("Nothing was signed.")),
  );
}

function welcome() {
  const box = el("textarea", { class: "wide mono", rows: "8", id: "pasted", "aria-label": say("Text"), spellcheck: "false", autocomplete: "off" });
  const read = () => decide(new TextEncoder().encode(box.value), new URLSearchParams()).catch(refuse);
  main.replaceChildren(
    el("h1", {}, say("This page approves what machines ask.")),
    el("p", { class: "ink2 mt" }, say("Open the link of a request, or paste its text here.")),
    el("p", { class: "mt" }, box),
    el("p", { class: "row mt" }, el("button", { class: "btn", type: "button", onclick: read }, say("Read it")), el("a", { class: "btn quiet", href: "#enrol=1" }, say("Make a passkey"))),
  );
}

async function decide(bytes, link) {
  const asked = readAsked(bytes);
  const purpose = link.get("as") === "request" ? "request" : "approve";
  const target = returnAddress(link.get("return") ?? "");
  const digest = `sha256:${[...(await sha256(bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  document.title = `${headline(asked)} · Sereno`;
  main.replaceChildren(...describe(asked, new TextDecoder().decode(bytes), digest, meet(asked)));
  const goes = target ? say("Then it is sent to {host}, which the link names (unverified).", { host: new URL(target).host }) : say("Then it is shown here, to be copied.");
  const signing = (namespace, text, extra) => act(async () => hand(asked, target, { ...extra, signature: await sign(text, namespace) }));
  const yes = el("button", { class: "btn primary big", type: "button", id: "approve", onclick: () => signing(NAMESPACES[asked.kind][purpose], bytes, { purpose }) }, say(purpose === "request" ? "Sign the request with passkey" : "Approve with passkey"));
  const no = el("button", { class: "btn big", type: "button", id: "no", onclick: () => sheet.classList.add("open") }, say("Deny with reason"));
  const sheet = denial(asked, digest, (reason, text) => signing(DENY_NAMESPACE, text, { purpose: "deny", reason }));
  const said = el("p", { class: "meta", id: "said", role: "status" }, goes);
  hold.replaceChildren(el("div", {}, said, yes, no), sheet);
  const tick = () => {
    const left = asked.expires - Date.now();
    strip.replaceChildren(el("span", { class: "st wait" }, left > 0 ? say("{left} left, ends {when}", { left: span(left), when: clock(asked.expires) }) : say("ended")));
    if (left > 0 || yes.hidden) return;
    yes.hidden = true;
    said.replaceChildren(say("It has ended. Nobody can approve it any more."));
  };
  tick();
  ticking = setInterval(tick, 1000);
}

/** The sheet that asks why not. The reason and the digest of the text are what is signed then. */
function denial(asked, digest, deny) {
  const words = el("input", { type: "text", class: "wide", id: "words", maxlength: "300", "aria-label": say("In your words"), placeholder: say("In your words"), autocomplete: "off" });
  const answer = (reason) => {
    const full = [reason, words.value.trim()].filter(Boolean).join(": ");
    const pairs = [["document", digest], ["organisation", asked.organisation], ["of", asked.run ?? asked.id], ["reason", full]];
    act(async () => deny(full, writeDocument(DENIAL, pairs)));
  };
  return el("section", { class: "deny", id: "deny", "aria-label": say("Why not?") }, el("div", {},
    el("p", { class: "row apart" }, el("b", {}, say("Why not?")), el("button", { class: "btn small quiet", type: "button", onclick: (event) => event.target.closest(".deny").classList.remove("open") }, say("Back"))),
    words,
    ...REASONS.map((reason) => el("button", { class: "btn big", type: "button", onclick: () => answer(reason) }, say(reason))),
    el("p", { class: "meta" }, say("Each of these asks for your passkey, so that nobody says no in your name. Doing nothing is a no as well: it ends by itself.")),
  ));
}

async function act(work) {
  try {
    await work();
  } catch (error) {
    const said = document.getElementById("said");
    const why = error instanceof Refused ? `${error.code}: ${error.what}` : say("The browser said no, or you did. Try again when you are ready.");
    if (said) said.replaceChildren(el("span", { class: "st failing" }, `${say("Nothing was signed.")} ${why}`));
    document.getElementById("deny")?.classList.remove("open");
  }
}

/** Shows what was signed, to be copied, and posts it to the console that the link named. */
function hand(asked, target, fields) {
  clearInterval(ticking);
  strip.replaceChildren(el("span", { class: "st proof" }, say("Signed.")));
  const form = el("form", { method: "post", action: `${target}/signed` });
  for (const [name, value] of Object.entries({ organisation: asked.organisation, of: asked.run ?? asked.id, ...fields })) form.append(el("textarea", { name, hidden: true }, value));
  const host = target ? new URL(target).host : "";
  if (target) form.append(el("button", { class: "btn primary big", type: "submit" }, say("Send to {host}", { host })));
  main.replaceChildren(
    el("h1", {}, say("Signed.")),
    el("p", { class: "ink2 mt" }, target ? say("It is on its way to {host}. If that does not answer, copy the signature and hand it in there.", { host }) : say("Copy the signature and hand it in at the console, or with: sereno approve RUN --signature FILE")),
    el("p", { class: "mt" }, copyButton(fields.signature, say("Copy"))),
    el("pre", { class: "signed mt", id: "signature", tabindex: "0" }, fields.signature),
  );
  hold.replaceChildren(el("div", {}, form));
  if (target) form.submit();
}

function enrol(link) {
  const person = el("input", { type: "text", class: "wide", id: "person", maxlength: "63", autocapitalize: "none", autocomplete: "off", value: link.get("person") ?? "" });
  const organisation = el("input", { type: "text", class: "wide", id: "organisation", maxlength: "40", autocapitalize: "none", autocomplete: "off", value: link.get("organisation") ?? "" });
  const create = () => act(async () => {
    const name = person.value.trim();
    const of = organisation.value.trim();
    if (!new RegExp(`^(?:${LIMITS.PERSON_NAME_PATTERN})$`).test(name) || !/^org_[a-z0-9]{1,64}$/.test(of)) throw new Refused("E_BAD_REQUEST", `'${name}', '${of}'`);
    made(name, of, await make(name, of));
  });
  main.replaceChildren(
    el("h1", {}, say("Make a passkey for approving.")),
    el("p", { class: "ink2 mt" }, say("It stays in this device or your security key, and works on this page only. It counts once the roster names it.")),
    el("p", { class: "mt" }, el("label", { for: "person" }, say("Your short name on the roster")), person),
    el("p", { class: "mt" }, el("label", { for: "organisation" }, say("Organisation's id (org_…)")), organisation),
  );
  hold.replaceChildren(el("div", {}, el("p", { class: "meta", id: "said", role: "status" }), el("button", { class: "btn primary big", type: "button", id: "make", onclick: create }, say("Make a passkey"))));
}

function made(person, organisation, key) {
  const pairs = [["organisation", organisation], ["person", person], ["passkey", key.line], ["made", writeTime(Date.now())]];
  const text = new TextDecoder().decode(writeDocument(STATEMENT, pairs));
  hold.replaceChildren();
  main.replaceChildren(
    el("h1", {}, say("Your passkey is made.")),
    el("section", {},
      el("p", {}, say("Sign this statement on your workstation with the key that approves for you now: sereno passkey statement FILE")),
      el("p", { class: "mt" }, copyButton(text, say("Copy"))),
      el("pre", { class: "signed mt", id: "statement", tabindex: "0" }, text)),
    el("section", {},
      el("p", {}, say("Or read this fingerprint to whoever keeps the roster, face to face or by phone:")),
      el("p", { class: "mt" }, el("code", { id: "fingerprint" }, key.fingerprint))),
  );
}

/** What this browser knows of each device: undefined for a name that is new, "" for the same id, else the other id. */
function meet(asked) {
  let known = {};
  try {
    known = JSON.parse(localStorage.getItem(DEVICES) ?? "{}") ?? {};
  } catch {
    /* no storage here, or not ours */
  }
  const met = new Map();
  for (const device of asked.devices) {
    const name = `${asked.organisation} ${device.name}`;
    const before = Object.hasOwn(known, name) ? known[name] : undefined;
    met.set(device.id, before === device.id ? "" : before);
    if (before === undefined) known[name] = device.id;
  }
  try {
    localStorage.setItem(DEVICES, JSON.stringify(known));
  } catch {
    /* no storage here */
  }
  return met;
}

document.documentElement.lang = (navigator.language ?? "").toLowerCase().startsWith("es") ? "es" : "en";
const themes = { light: ["dark", "Dark"], dark: ["light", "Light"] };
function theme(name) {
  document.documentElement.dataset.theme = name;
  document.getElementById("theme").textContent = say(themes[name][1]);
}
document.getElementById("theme").addEventListener("click", () => theme(themes[document.documentElement.dataset.theme][0]));
theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
document.addEventListener("click", (event) => {
  const copy = event.target.closest?.(".copy");
  if (!copy) return;
  navigator.clipboard?.writeText(copy.dataset.copy);
  copy.classList.add("done");
});
window.addEventListener("hashchange", start);
start();

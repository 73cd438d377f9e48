// The keyboard: J K Enter, /, ?, G then a letter, A, H, Y, [ ]. Keys rest while a field has the focus.
const places = { f: "/", t: "/tickets", a: "/approvals", s: "/scoreboard", l: "/ledger" };
let going = 0; // until when a G waits for its letter

const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
const cursor = () => document.querySelector("[data-row].cursor");

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(cursor());
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
  cursor()?.classList.remove("cursor");
  next.classList.add("cursor");
  next.scrollIntoView({ block: "nearest" });
}

function open() {
  const row = cursor();
  const address = row?.dataset.open ?? row?.querySelector("a[href]")?.getAttribute("href");
  if (address) location.assign(address);
}

const simple = {
  j: () => move(1),
  k: () => move(-1),
  enter: open,
  "/": () => document.querySelector("[data-search]")?.focus(),
  "?": () => document.getElementById("keymap")?.showModal(),
  g: () => { going = performance.now() + 1500; },
  "[": () => document.querySelector('a[rel="prev"]')?.click(),
  "]": () => document.querySelector('a[rel="next"]')?.click(),
  a: () => document.querySelector("[data-key-a]")?.click(),
  l: () => document.querySelector("[data-key-l]")?.click(),
  f: () => document.getElementById("follow")?.click(),
  h: () => document.querySelector("[data-key-h]")?.scrollIntoView({ block: "start" }),
  y: () => navigator.clipboard?.writeText(location.href),
};

addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.key === "Escape") {
    if (target.matches?.("input, textarea")) target.blur();
    else cursor()?.classList.remove("cursor");
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (event.shiftKey && key === "d") {
    document.querySelector("[data-theme-switch]")?.click();
  } else if (going > performance.now() && places[key]) {
    location.assign(places[key]);
  } else if (key === "enter" && target.matches?.("a, button, summary")) {
    return;
  } else if (/^[1-5]$/.test(key)) {
    document.querySelector(`[data-range-key="${key}"]`)?.click();
  } else if (simple[key]) {
    simple[key]();
  } else return;
  if (key !== "g") going = 0;
  event.preventDefault();
});

// Live parts by server-sent events. A part names the kinds of event that make it stale (data-live) and is asked for
// again through htmx. Nothing moves under a pointer that is being used, and new rows of a list wait behind a count.
import { fill, span, words } from "./words.js";

const QUIET_MS = 1200; // how long the pointer and the keys must rest
const GATHER_MS = 250; // events that come together are one refresh
const indicator = document.getElementById("live");
let lastEvent = 0;
let lastTouch = 0;
const stale = new Set();
let timer = 0;
const refreshed = new Map();

for (const kind of ["pointermove", "pointerdown", "wheel", "keydown"]) {
  addEventListener(kind, () => { lastTouch = performance.now(); }, { passive: true });
}

function kinds(element) {
  return (element.dataset.live ?? "").split(" ");
}

function concerns(element, event) {
  const device = element.dataset.device;
  return event.kind === "resync" || (kinds(element).includes(event.kind) && (!device || device === event.device));
}

function busy(element) {
  const moving = performance.now() - lastTouch < QUIET_MS;
  const inside = element.matches(":hover") || element.contains(document.activeElement);
  const writing = element.contains(document.activeElement) && document.activeElement.matches("input, textarea");
  return writing || (moving && inside) || (!getSelection().isCollapsed && element.contains(getSelection().anchorNode));
}

function later() {
  timer ||= setTimeout(() => { timer = 0; update(); }, GATHER_MS);
}

// A part that samples make stale says how often it may be asked for again.
function early(element) {
  return performance.now() - (refreshed.get(element.id) ?? -Infinity) < Number(element.dataset.every ?? 0);
}

function update() {
  let again = false;
  for (const element of [...stale]) {
    if (!element.isConnected) { stale.delete(element); continue; }
    if (busy(element) || early(element)) { again = true; continue; }
    stale.delete(element);
    refreshed.set(element.id, performance.now());
    if (element.hasAttribute("data-list")) mergeList(element);
    else window.htmx?.trigger(element, "refresh");
  }
  if (again) later();
}

// Rows that are there are brought up to date where they stand; rows that are new wait behind a button.
async function mergeList(body) {
  const answer = await fetch(body.dataset.source, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-list]");
  if (!fresh || !body.isConnected) return;
  const rows = new Map([...fresh.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, row]));
  for (const row of body.querySelectorAll("[data-row]")) {
    const other = rows.get(row.dataset.row);
    if (other && other.innerHTML !== row.innerHTML) row.innerHTML = other.innerHTML;
    rows.delete(row.dataset.row);
  }
  const button = body.closest("section")?.querySelector("[data-new]");
  if (!button) return;
  button.hidden = rows.size === 0;
  button.textContent = fill(words.new, { n: rows.size });
  button.onclick = () => { body.replaceWith(document.adoptNode(fresh)); button.hidden = true; };
}

async function counts() {
  if (!document.querySelector("[data-count]")) return;
  const answer = await fetch("/counts").catch(() => null);
  if (!answer?.ok) return;
  for (const [name, n] of Object.entries(await answer.json())) {
    for (const element of document.querySelectorAll(`[data-count="${name}"]`)) element.textContent = n;
  }
}

function heard(event) {
  lastEvent = Date.now();
  for (const element of document.querySelectorAll("[data-live]")) {
    if (concerns(element, event)) stale.add(element);
  }
  if (["ticket", "run", "resync"].includes(event.kind)) counts();
  document.dispatchEvent(new CustomEvent("sereno", { detail: event }));
  later();
}

function say() {
  if (!indicator) return;
  if (source.readyState !== EventSource.OPEN) {
    indicator.textContent = words.lost;
    indicator.classList.add("lost");
    return;
  }
  indicator.classList.remove("lost");
  indicator.textContent = lastEvent
    ? fill(words.live, { span: span((Date.now() - lastEvent) / 1000) })
    : words.quiet;
}

let source = { readyState: 2 };
if (indicator && document.body.dataset.words) {
  let opened = 0;
  source = new EventSource("/events");
  source.onmessage = (message) => heard(JSON.parse(message.data));
  source.onopen = () => { if (opened++) heard({ kind: "resync" }); say(); };
  source.onerror = say;
  setInterval(say, 1000);
  addEventListener("pagehide", () => source.close());
}

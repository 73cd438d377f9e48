// How a plan or grant is shown: every value as text, never as markup.
import { visible, writeTime } from "./documents.js";
import { RISKS, requireText } from "./steps.js";
import { language, say } from "./words.js";

const CANNOT_BE_UNDONE = "cannot be undone";
const FAILURE = { undo: "what was done is undone", stop: "it stops there", continue: "it goes on" };

/** An element. Properties are attributes; children are elements, or text that is shown as it is. */
export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export const copyButton = (text, shown) => el("button", { type: "button", class: "copy mono", "data-copy": text }, el("span", {}, shown));

export function when(milliseconds) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }).format(milliseconds);
}

/** The time of a moment today; of another day the day too. */
export function clock(milliseconds) {
  const today = new Date(milliseconds).toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(language, { ...(today ? {} : { weekday: "short" }), hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(milliseconds);
}

export function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [unit, size] = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]].find(([, size]) => seconds >= size * 2) ?? ["s", 1];
  return say(`{n} ${unit}`, { n: Math.floor(seconds / size) });
}

const words = (name) => name.replaceAll("_", " ");
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function headline(asked) {
  const deeds = [...new Set(asked.steps.filter((step) => step.action).map((step) => words(step.action)))];
  const what = sentence(deeds.length > 1 ? `${deeds.slice(0, -1).join(", ")} ${say("and")} ${deeds.at(-1)}` : (deeds[0] ?? say("Only looks: {check}", { check: words(asked.steps[0].check) })));
  const where = asked.devices.length === 1 ? asked.devices[0].name : say("{n} devices", { n: asked.devices.length });
  return say("{what} on {where}?", { what, where });
}

/** Everything above the decision. `met` says what this browser knows of the devices. */
export function describe(asked, text, digest, met) {
  const plan = asked.kind === "plan";
  const shown = asked.requester === "server" ? say("The server proposes it. The server is nobody: it takes a person.") : say("{who} asks.", { who: asked.requester });
  return [
    el("h1", {}, headline(asked)),
    el("p", { class: "ink2 mt" }, shown),
    plan ? null : el("p", { class: "note soon mt" }, el("span", { class: "st soon" }, asked.kind), el("span", {}, say("Nobody has seen on a device what this will do. Its limits are all that holds it."))),
    facts(asked),
    section(plan ? "Exactly what will change" : "What it may do", el("ol", { class: "plan" }, ...asked.steps.map(step))),
    section("Who and where", who(asked, met)),
    section("If nobody answers", el("p", {}, say("It ends at {when}. Nothing is changed.", { when: when(asked.expires) }))),
    section(
      "What your passkey signs",
      el("p", { class: "ink2" }, say(plan ? "Exactly this text, byte for byte. The machine wrote it, still holds it, and checks your signature itself." : "Exactly this text, byte for byte. Each machine checks your signature itself.")),
      el("p", { class: "mt" }, copyButton(digest, `${digest.slice(0, 15)} ${digest.slice(15, 19)} ${digest.slice(19, 23)} … ${digest.slice(-4)}`)),
      el("pre", { class: "signed mt", id: "text", tabindex: "0", "aria-label": say("Text") }, ...signedLines(text)),
      el("p", { class: "meta mt" }, say("This page came from {host}. The link brought the text; nothing else in the link is shown as true.", { host: location.host })),
    ),
  ].filter(Boolean);
}

/** Each line hangs: what does not fit goes on indented, so that nothing inside a value can look like a line of its own. */
const signedLines = (text) => text.split(/(?<=\n)/).map((line) => el("span", { class: "line" }, line));

function section(title, ...children) {
  return el("section", {}, el("h2", {}, say(title)), ...children);
}

function facts(asked) {
  const fact = (name, value, about) => el("div", {}, el("span", { class: "meta" }, say(name)), el("b", {}, value), el("span", { class: "meta" }, about));
  const ends = fact("Ends", clock(asked.expires), when(asked.expires).split(",")[0]);
  if (asked.kind === "plan") {
    const acting = asked.steps.filter((step) => step.action);
    const undone = acting.filter((step) => step.onFailure === "undo" && step.undo && !step.undo.startsWith(CANNOT_BE_UNDONE));
    const answer = acting.length && undone.length === acting.length ? "Yes" : undone.length ? "Partly" : "No";
    return el("div", { class: "facts" }, fact("Risk", sentence(say(asked.risk)), say("the machine says")), fact("Undo", say(answer), say(answer === "No" ? "not by itself" : "by itself")), ends);
  }
  const higher = RISKS[RISKS.indexOf(asked.risk) + 1];
  return el("div", { class: "facts" }, fact("Risk", sentence(say(asked.risk)), higher ? say("signed like {risk}", { risk: say(higher) }) : ""), fact("Uses", String(asked.uses), say("on each")), ends);
}

function step(one, index) {
  const deed = one.action ? sentence(words(one.action)) : say("Only looks: {check}", { check: words(one.check) });
  const parameters = [...one.parameters].map(([name, value]) => `${name} = ${visible(value)}`).join(", ");
  const line = (message, values) => el("p", { class: "ink2" }, say(message, values));
  return el("li", {}, el("b", {}, String(index + 1)), el("div", { class: "stack-s" },
    el("p", {}, el("b", {}, deed), " ", el("code", {}, one.action || one.check), " ", one.action ? el("span", { class: "tag" }, say(one.risk)) : null),
    one.effect ? el("p", {}, visible(one.effect)) : null,
    parameters ? line("with {parameters}", { parameters }) : null,
    ...one.when.map((require) => line("only if {require}", { require: requireText(require) })),
    one.bounds.size ? el("p", { class: "ink2" }, `${say("Limits")}: ${[...one.bounds].map(([name, value]) => `${name.replaceAll("-", " ")} ${value.toLocaleString(language)}`).join(", ")}`) : null,
    list("Files", one.targets.map((target) => [target.path, `${short(target.before)} → ${short(target.after)}${target.bytes ? `, ${say("at most {n}", { n: target.bytes.toLocaleString(language) })} B` : ""}`])),
    list("Things", one.subjects.map((subject) => [`${subject.kind} ${subject.name}`, `${subject.before} → ${subject.after}`])),
    diff(one.diff),
    ...one.require.map((require) => line("afterwards {require} must hold", { require: requireText(require) })),
    one.undo ? line("Undo: {undo}", { undo: visible(one.undo) }) : null,
    one.action ? line("If it fails: {what}", { what: say(FAILURE[one.onFailure]) }) : null,
    el("p", { class: "meta" }, say("the server calls it: {name}", { name: visible(one.name) })),
  ));
}

const short = (state) => (state.startsWith("sha256:") ? `${state.slice(0, 13)}…${state.slice(-4)}` : state);

function list(title, rows) {
  if (!rows.length) return null;
  return el("div", {}, el("p", { class: "meta" }, say(title)), el("ul", { class: "targets" }, ...rows.map(([name, change]) => el("li", {}, el("code", {}, visible(name)), el("br"), el("small", {}, visible(change))))));
}

function diff(lines) {
  if (!lines.length) return null;
  const shown = lines.map((line) => {
    const kind = line.startsWith("+++") || line.startsWith("---") || line.startsWith("@@") ? "file" : line.startsWith("+") ? "l add" : line.startsWith("-") ? "l del" : "l";
    return el("span", { class: kind }, visible(kind === "file" ? line : line.slice(1)) || " ");
  });
  return el("div", { class: "diff", tabindex: "0", role: "group", "aria-label": say("Change in the text") }, ...shown);
}

function who(asked, met) {
  const row = (name, ...value) => [el("dt", {}, say(name)), el("dd", {}, ...value)];
  const devices = asked.devices.map((device) => el("div", {}, el("b", {}, device.name), el("br"), el("small", {}, device.id), el("br"), note(met.get(device.id))));
  return el("dl", { class: "kv" },
    ...row("Asked by", asked.requester === "server" ? say("the server, nobody") : asked.requester),
    ...row(asked.devices.length === 1 ? "Machine" : "Machines", ...devices),
    ...(asked.kind === "plan" ? [] : row("Begins", when(asked.notBefore))),
    ...(asked.kind === "plan" ? [] : row("When", ...occasions(asked).map((line) => el("div", {}, line)))),
    ...row("Ticket", asked.ticket || say("no ticket")),
    ...row("Playbook", el("code", {}, asked.playbook)),
    ...row("Ends", `${when(asked.expires)} (${writeTime(asked.expires)})`),
    ...row("Organisation", el("small", {}, asked.organisation)),
  );
}

function occasions(grant) {
  if (grant.kind === "bounds") return [say("once on each, when it is back")];
  return [
    ...grant.triggers.map((trigger) => say("whenever the machine itself measures that {trigger}", { trigger: requireText(trigger) })),
    say("{n} times on each, {pause} s apart at least", { n: grant.uses, pause: grant.pause }),
  ];
}

function note(known) {
  if (known === undefined) return el("small", {}, say("first time this page meets it under that name"));
  return known === "" ? "" : el("span", { class: "st failing" }, say("ANOTHER machine had this name before: {id}", { id: known }));
}

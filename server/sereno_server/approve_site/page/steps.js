// The steps of plans and grants: a port of sereno_proto/planned_step.py.
import { Refused, readInteger } from "./documents.js";

export const RISKS = ["low", "medium", "high"];
const COMPARISONS = ["<", "<=", ">", ">=", "==", "!="];
const ON_FAILURE = ["undo", "stop", "continue"];
const NAME = /^[a-z][a-z0-9_]{0,62}$/;
export const DIGEST = /^sha256:[0-9a-f]{64}$/;
const BEFORE = /^(?:sha256:[0-9a-f]{64}|stat:[0-9]{1,18}:[0-9]{1,20}|absent|growing)$/;
const AFTER = /^(?:sha256:[0-9a-f]{64}|absent|truncated|archive)$/;
const BOUND = /^[a-z][a-z0-9-]{0,40}$/;
const REQUIRE_VALUE = /^[A-Za-z0-9._:/@+-]{1,255}$/;
const TARGET = /^(?<before>[^ ]+) -> (?<after>[^ ]+), inode (?<inode>[0-9]+), (?:at most (?<bytes>[0-9]+) bytes, )?(?<path>\/.*)$/s;
const SUBJECT_NAME = /^[A-Za-z0-9._:@+~/=\\-]{1,255}$/;
const SUBJECT_STATE = /^[A-Za-z0-9._:@+~/=,%-]{1,255}$/;
const SUBJECT = /^(?<kind>[a-z]+) (?<name>[^ ]+): (?<before>[^ ]+) -> (?<after>[^ ]+)$/;
const REQUIRE = /^(?<check>[a-z0-9_]+)\((?<parameters>[^()]*)\)\.(?<figure>[a-z0-9_]+) (?<comparison>[<>=!]+) (?<value>[0-9.e+-]+)(?: within (?<within>[0-9]+) s)?$/;

/** The steps of a document, of all its fields. */
export function readSteps(fields) {
  const steps = new Map();
  for (const [key, value] of fields) {
    if (!key.startsWith("step.")) continue;
    const [, number, ...part] = key.split(".");
    if (!steps.has(number)) steps.set(number, new Map());
    steps.get(number).set(part.join("."), value);
  }
  return [...steps].map(([number, step]) => readStep(number, step));
}

/** The lines of all steps, as [key, value]. */
export const stepsPairs = (steps) => steps.flatMap((step, index) => stepPairs(step).map(([key, value]) => [`step.${index + 1}.${key}`, value]));

export function fit(pattern, value) {
  if (!pattern.test(value)) throw new Refused("E_DOCUMENT", `'${value.slice(0, 60)}' cannot stand in a plan`);
}

export function oneOf(values, value) {
  if (!values.includes(value)) throw new Refused("E_DOCUMENT", `'${value.slice(0, 40)}' is not one of ${values.join(", ")}`);
}

export function checkStep(step) {
  if ([...step.name].length > LIMITS.STEP_NAME_CHARS_MAX) throw new Refused("E_LIMIT", "a step's name is too long");
  if (Boolean(step.action) === Boolean(step.check)) throw new Refused("E_DOCUMENT", "a step is either an action or a check");
  if (step.action) fit(DIGEST, step.code);
  else if (step.targets.length || step.subjects.length || step.bounds.size || step.diff.length || step.code) throw new Refused("E_DOCUMENT", "a check changes nothing");
  fit(NAME, step.action || step.check);
  oneOf(RISKS, step.risk);
  oneOf(ON_FAILURE, step.onFailure);
  for (const name of step.parameters.keys()) fit(NAME, name);
  for (const name of step.bounds.keys()) fit(BOUND, name);
  if (step.targets.length > LIMITS.TARGETS_PER_STEP_MAX) throw new Refused("E_LIMIT", "a step has too many targets");
  for (const target of step.targets) {
    fit(BEFORE, target.before);
    fit(AFTER, target.after);
  }
  if (step.subjects.length > LIMITS.SUBJECTS_PER_STEP_MAX) throw new Refused("E_LIMIT", "a step has too many subjects");
  for (const subject of step.subjects) {
    oneOf(SUBJECT_KINDS, subject.kind);
    fit(SUBJECT_NAME, subject.name);
    fit(SUBJECT_STATE, subject.before);
    fit(SUBJECT_STATE, subject.after);
  }
  for (const require of [...step.require, ...step.when]) checkRequire(require);
}

export function checkRequire(require) {
  fit(NAME, require.check);
  fit(NAME, require.figure);
  oneOf(COMPARISONS, require.comparison);
  for (const [name, value] of require.parameters) {
    fit(NAME, name);
    fit(REQUIRE_VALUE, value);
  }
  if (require.within > BigInt(LIMITS.REQUIRE_WITHIN_S_MAX)) throw new Refused("E_DOCUMENT", "a figure is awaited for too long");
}

export function readRequire(value) {
  const match = REQUIRE.exec(value);
  const figure = match ? Number(match.groups.value) : NaN;
  if (!Number.isFinite(figure)) throw new Refused("E_DOCUMENT", `'${value.slice(0, 60)}' does not compare a figure`);
  const { check, parameters, comparison, within } = match.groups;
  return { check, parameters: parameters ? pairs(parameters.split(", ")) : new Map(), figure: match.groups.figure, comparison, value: figure, within: readInteger(within ?? "0") };
}

export function requireText(require) {
  const parameters = [...require.parameters].map(([name, value]) => `${name}=${value}`).join(", ");
  const within = require.within ? ` within ${require.within} s` : "";
  return `${require.check}(${parameters}).${require.figure} ${require.comparison} ${numberText(require.value)}${within}`;
}

/** As Python writes a number: 20, 0.5, 1e-05. */
function numberText(value) {
  if (Number.isInteger(value)) return BigInt(value).toString();
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-([0-9])$/, "e-0$1");
}

function readStep(number, fields) {
  const listed = (key) => [...fields].filter(([name]) => name.startsWith(`${key}.`)).map(([, value]) => value);
  for (const key of ["name", "risk", "on-failure"]) if (!fields.has(key)) throw new Refused("E_FIELD_MISSING", `'step.${number}.${key}' is missing`);
  const get = (key) => fields.get(key) ?? "";
  return {
    name: get("name"), parameters: pairs(listed("parameter")), action: get("action"), check: get("check"), code: get("code"), risk: get("risk"),
    effect: get("effect"), undo: get("undo"), onFailure: get("on-failure"), targets: listed("target").map(readTarget), subjects: listed("subject").map(readSubject),
    bounds: new Map([...fields].filter(([key]) => key.startsWith("bound.")).map(([key, value]) => [key.slice(6), readInteger(value)])),
    diff: listed("diff"), require: listed("require").map(readRequire), when: listed("when").map(readRequire),
  };
}

function stepPairs(step) {
  const single = [["name", step.name], ["action", step.action], ["check", step.check], ["code", step.code], ["risk", step.risk], ["effect", step.effect], ["undo", step.undo], ["on-failure", step.onFailure]];
  const numbered = (key, values) => values.map((value, index) => [`${key}.${index + 1}`, value]);
  return [
    ...single.filter(([, value]) => value),
    ...numbered("parameter", [...step.parameters].map(([name, value]) => `${name}=${value}`)),
    ...[...step.bounds].map(([name, value]) => [`bound.${name}`, String(value)]),
    ...numbered("target", step.targets.map(targetText)),
    ...numbered("subject", step.subjects.map(({ kind, name, before, after }) => `${kind} ${name}: ${before} -> ${after}`)),
    ...numbered("diff", step.diff),
    ...numbered("when", step.when.map(requireText)),
    ...numbered("require", step.require.map(requireText)),
  ];
}

function pairs(values) {
  const found = new Map();
  for (const value of values) {
    const equals = value.indexOf("=");
    if (equals < 0) throw new Refused("E_DOCUMENT", `'${value.slice(0, 40)}' is not 'name=value'`);
    const name = value.slice(0, equals);
    if (found.has(name)) throw new Refused("E_FIELD_REPEATED", `the parameter '${name}' is given twice`);
    found.set(name, value.slice(equals + 1));
  }
  return found;
}

function readTarget(value) {
  const match = TARGET.exec(value);
  if (!match) throw new Refused("E_DOCUMENT", `'${value.slice(0, 60)}' does not describe a target`);
  const { before, after, inode, bytes, path } = match.groups;
  return { path, inode: readInteger(inode), before, after, bytes: readInteger(bytes || "0") };
}

const targetText = (target) => `${target.before} -> ${target.after}, inode ${target.inode}, ${target.bytes ? `at most ${target.bytes} bytes, ` : ""}${target.path}`;

function readSubject(value) {
  const match = SUBJECT.exec(value);
  if (!match) throw new Refused("E_DOCUMENT", `'${value.slice(0, 60)}' does not describe a subject`);
  return { ...match.groups };
}

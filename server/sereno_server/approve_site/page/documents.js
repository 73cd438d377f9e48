// The strict line grammar of signed documents: a port of sereno_proto/documents.py. Both refuse the same texts, with the
// same codes; tests/server/approve_site asks both about the same ones.

export class Refused extends Error {
  constructor(code, what) {
    super(`${code}: ${what}`);
    this.code = code;
    this.what = what;
  }
}

const KEY = /^[a-z0-9][a-z0-9.-]{0,126}$/;
const LINE = /^([^:]*): (.+)$/;
const ESCAPE = /\\(?:\\|n|u\{([0-9a-f]{1,6})\})?/g;
const INTEGER = /^(?:0|[1-9][0-9]{0,17})$/;
const TIME = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z$/;
const FIRST_LINE = /^sereno [a-z][a-z-]{0,30} v[1-9][0-9]{0,3}$/;
const BIDI = new Set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069");

/** The first line of a text that could be a document: `sereno plan v1`. */
export function kindOf(bytes) {
  const first = lines(bytes)[0];
  if (!FIRST_LINE.test(first)) throw new Refused("E_DOCUMENT", "the first line does not name a kind and version");
  return first;
}

/** The fields in their order, a Map; throws Refused for anything that Python refuses. */
export function readDocument(bytes, kind) {
  const [first, ...rest] = lines(bytes);
  if (first !== kind.first_line) throw new Refused("E_DOCUMENT_KIND", `expected '${kind.first_line}', found '${first.slice(0, 40)}'`);
  const fields = new Map();
  rest.forEach((line, index) => {
    const match = LINE.exec(line);
    if (!match) throw new Refused("E_DOCUMENT", `line ${index + 2} is not 'key: value'`);
    const [, key, raw] = match;
    checkKey(kind, key);
    if (fields.has(key)) throw new Refused("E_FIELD_REPEATED", `line ${index + 2} repeats '${key}'`);
    fields.set(key, unescapeValue(key, raw));
  });
  checkRequired(kind, fields);
  return fields;
}

/** The text of a document of ours: [key, value] pairs in their order. */
export function writeDocument(kind, pairs) {
  for (const [key] of pairs) checkKey(kind, key);
  checkRequired(kind, new Map(pairs));
  const text = [kind.first_line, ...pairs.map(([key, value]) => `${key}: ${escapeValue(key, value)}`), ""].join("\n");
  const bytes = new TextEncoder().encode(text);
  checkSize(bytes.length, pairs.length + 1);
  return bytes;
}

/** A whole number >= 0 as a BigInt: JavaScript's own numbers cannot hold all of them. */
export function readInteger(value) {
  if (!INTEGER.test(value)) throw new Refused("E_DOCUMENT", `'${value.slice(0, 40)}' is not a whole number`);
  return BigInt(value);
}

/** A moment, in milliseconds. */
export function readTime(value) {
  const match = TIME.exec(value);
  if (!match) throw new Refused("E_DOCUMENT", `'${value.slice(0, 40)}' is not a UTC time such as 2026-11-21T20:07:08Z`);
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const moment = new Date(0);
  moment.setUTCFullYear(year, month - 1, day);
  moment.setUTCHours(hour, minute, second);
  if (year < 1 || moment.toISOString() !== value.replace("Z", ".000Z")) throw new Refused("E_DOCUMENT", `'${value}' is no time of any day`);
  return moment.getTime();
}

export const writeTime = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 19) + "Z";

/** A value for people's eyes: what would be invisible, or another kind of space, is shown as its escape. */
export const visible = (value) => value.replace(/[\p{C}\p{Z}]/gu, (one) => (one === " " ? one : one === "\n" ? "\\n" : `\\u{${one.codePointAt(0).toString(16)}}`));

function lines(bytes) {
  checkSize(bytes.length, bytes.reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0));
  if (bytes.length === 0 || bytes[bytes.length - 1] !== 10) throw new Refused("E_DOCUMENT", "the last line does not end with a line feed");
  const strange = bytes.findIndex((byte) => byte !== 10 && (byte < 0x20 || byte > 0x7e));
  if (strange >= 0) throw new Refused("E_DOCUMENT", `byte ${strange} is not printable ASCII`);
  return new TextDecoder().decode(bytes).slice(0, -1).split("\n");
}

function checkSize(bytes, count) {
  if (bytes > LIMITS.DOCUMENT_BYTES_MAX) throw new Refused("E_LIMIT", `a document has at most ${LIMITS.DOCUMENT_BYTES_MAX} bytes`);
  if (count > LIMITS.DOCUMENT_LINES_MAX) throw new Refused("E_LIMIT", `a document has at most ${LIMITS.DOCUMENT_LINES_MAX} lines`);
}

function checkKey(kind, key) {
  if (!KEY.test(key)) throw new Refused("E_DOCUMENT", `'${key.slice(0, 40)}' is not a key`);
  const known = kind.required.includes(key) || kind.optional.includes(key) || kind.patterned.some((pattern) => new RegExp(`^(?:${pattern})$`).test(key));
  if (!known) throw new Refused("E_FIELD_UNKNOWN", `'${kind.first_line}' knows no key '${key}'`);
}

function checkRequired(kind, fields) {
  for (const key of kind.required) if (!fields.has(key)) throw new Refused("E_FIELD_MISSING", `'${kind.first_line}' needs the key '${key}'`);
}

function escapeValue(key, value) {
  if (value === "") throw new Refused("E_DOCUMENT", `the value of '${key}' is empty`);
  let written = [...value].map((one) => escapeCharacter(key, one)).join("");
  if (written.endsWith(" ")) written = written.slice(0, -1) + "\\u{20}";
  if (written.length > LIMITS.DOCUMENT_VALUE_CHARS_MAX) throw new Refused("E_LIMIT", `the value of '${key}' exceeds ${LIMITS.DOCUMENT_VALUE_CHARS_MAX} characters`);
  return written;
}

function escapeCharacter(key, one) {
  if (one === "\\") return "\\\\";
  if (one === "\n") return "\\n";
  if (one >= " " && one <= "~") return one;
  const point = one.codePointAt(0);
  if (BIDI.has(one) || (point >= 0xd800 && point <= 0xdfff)) throw new Refused("E_DOCUMENT", `the value of '${key}' hides text`);
  return `\\u{${point.toString(16)}}`;
}

/** Decodes, then encodes again: only the one way of writing a value is accepted. */
function unescapeValue(key, raw) {
  const value = raw.replace(ESCAPE, (whole, hex) => {
    if (whole === "\\\\") return "\\";
    if (whole === "\\n") return "\n";
    const point = hex === undefined ? Infinity : parseInt(hex, 16);
    if (point > 0x10ffff) throw new Refused("E_DOCUMENT", `the value of '${key}' holds an unknown escape`);
    return String.fromCodePoint(point);
  });
  if (escapeValue(key, value) !== raw) throw new Refused("E_DOCUMENT", `the value of '${key}' is written in an unusual way`);
  return value;
}

// What the link brought: a text to decide on, or a wish to make a passkey. All of it is somebody's word.
import { Refused } from "./documents.js";
import { fromBase64url } from "./passkey.js";

/** The parts of the address after `#`; they never leave the browser. */
export function parts() {
  if (location.hash.length > LIMITS.APPROVE_LINK_CHARS_MAX) throw new Refused("E_LIMIT", "the link is too long");
  return new URLSearchParams(location.hash.slice(1));
}

/** The bytes of a document, deflated and in base64url. Never more than a document may have. */
export async function unpack(text) {
  const reader = new Blob([fromBase64url(text)]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const chunks = [];
  let size = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.length;
      if (size > LIMITS.DOCUMENT_BYTES_MAX) throw new Refused("E_LIMIT", "the text in the link is too long");
      chunks.push(part.value);
    }
  } catch (error) {
    throw error instanceof Refused ? error : new Refused("E_DOCUMENT", "the link is damaged or incomplete");
  }
  const whole = new Uint8Array(size);
  chunks.reduce((at, chunk) => (whole.set(chunk, at), at + chunk.length), 0);
  return whole;
}

/** Where a signature may be sent: https, or this very machine; nothing else in the address counts. "" for none. */
export function returnAddress(text) {
  try {
    const url = new URL(text);
    const here = url.hostname === "localhost" || url.hostname === "127.0.0.1";
    if ((url.protocol === "https:" || (url.protocol === "http:" && here)) && !url.username && !url.password) return url.origin;
  } catch {
    /* no address */
  }
  return "";
}

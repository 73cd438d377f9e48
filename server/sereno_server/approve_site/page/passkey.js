// Making a passkey, and signing exact bytes with it. What it answers is armored as sereno_proto/passkeys.py reads it.
import { Refused } from "./documents.js";

const ALGORITHMS = new Map([[-7, "ES256"], [-8, "EdDSA"], [-257, "RS256"]]);
const MADE_HERE = "sereno-passkeys"; // ids of those that their authenticator does not find by itself; no secrets

export const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
export const base64url = (bytes) => base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw new Refused("E_DOCUMENT", "the link is damaged");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (one) => one.charCodeAt(0));
}

export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** SHA-256(namespace NUL text): what an authenticator is asked to sign. */
export function challengeOf(bytes, namespace) {
  const name = new TextEncoder().encode(namespace);
  const whole = new Uint8Array(name.length + 1 + bytes.length);
  whole.set(name);
  whole.set(bytes, name.length + 1);
  return sha256(whole);
}

/** Signs exact bytes for a purpose; the armored assertion. The person shows who they are to the authenticator. */
export async function sign(bytes, namespace) {
  const allowCredentials = madeHere().map((id) => ({ type: "public-key", id: fromBase64url(id) }));
  const challenge = await challengeOf(bytes, namespace);
  const answer = await navigator.credentials.get({ publicKey: { challenge, rpId: location.hostname, userVerification: "required", timeout: 120000, allowCredentials } });
  const { authenticatorData, clientDataJSON, signature } = answer.response;
  if (!(new Uint8Array(authenticatorData)[32] & 4)) throw new Refused("E_PASSKEY_UNVERIFIED", "the authenticator did not verify its user");
  return armor([answer.rawId, authenticatorData, clientDataJSON, signature].map((part) => new Uint8Array(part)));
}

/** Makes a passkey and gives its line on the roster and its fingerprint. */
export async function make(person, organisation) {
  const id = crypto.getRandomValues(new Uint8Array(32));
  const made = await navigator.credentials.create({
    publicKey: {
      rp: { id: location.hostname, name: `Sereno ${organisation}` },
      user: { id, name: person, displayName: `${person}, ${organisation}` },
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      pubKeyCredParams: [...ALGORITHMS.keys()].map((alg) => ({ type: "public-key", alg })),
      authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
      attestation: "none",
      extensions: { credProps: true },
      timeout: 120000,
    },
  });
  const algorithm = ALGORITHMS.get(made.response.getPublicKeyAlgorithm());
  const spki = made.response.getPublicKey();
  if (!algorithm || !spki) throw new Refused("E_KEY_TYPE", "this authenticator makes a kind of key that devices do not take");
  const key = new Uint8Array(spki);
  if (made.getClientExtensionResults().credProps?.rk === false) remember(base64url(new Uint8Array(made.rawId)));
  return {
    line: `passkey ${algorithm} ${base64url(new Uint8Array(made.rawId))} ${base64url(key)} ${location.hostname} ${location.origin}`,
    fingerprint: `SHA256:${base64(await sha256(key)).replaceAll("=", "")}`,
  };
}

function armor(parts) {
  const strings = parts.flatMap((part) => [part.length >>> 24, (part.length >>> 16) & 255, (part.length >>> 8) & 255, part.length & 255, ...part]);
  const text = base64(Uint8Array.from(strings));
  return ["-----BEGIN SERENO PASSKEY ASSERTION-----", ...text.match(/.{1,70}/g), "-----END SERENO PASSKEY ASSERTION-----", ""].join("\n");
}

function madeHere() {
  try {
    const ids = JSON.parse(localStorage.getItem(MADE_HERE) ?? "[]");
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string" && /^[A-Za-z0-9_-]+$/.test(id)).slice(0, 16) : [];
  } catch {
    return []; // no storage here: the authenticator finds its own keys
  }
}

function remember(id) {
  try {
    localStorage.setItem(MADE_HERE, JSON.stringify([...madeHere(), id]));
  } catch {
    /* no storage here */
  }
}

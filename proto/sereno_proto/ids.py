"""Ids: UUIDv7 with a prefix where people see them (`tkt_…`), digests where a key or document is the identity."""

import base64
import hashlib
import os
import time
import uuid

DIGEST_BYTES = 20  # 160 bits: 32 base32 characters without padding


def new_id(prefix: str, now_ms: int | None = None) -> str:
    """Gives `prefix_` and a UUIDv7 (RFC 9562) in hex, so that ids sort by the time they were made."""
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random = int.from_bytes(os.urandom(10), "big")
    value = (
        (now_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    )
    return f"{prefix}_{uuid.UUID(int=value).hex}"


def digest_id(prefix: str, content: bytes) -> str:
    """Gives `prefix_` and 160 bits of the content's SHA-256 in lower-case base32."""
    short = hashlib.sha256(content).digest()[:DIGEST_BYTES]
    return f"{prefix}_{base64.b32encode(short).decode().lower()}"


def device_id(identity_key: bytes) -> str:
    """The device's id: the digest of its raw Ed25519 public key (32 bytes)."""
    return digest_id("dev", identity_key)


def organisation_id(root_text: bytes) -> str:
    """The organisation's id: the digest of its root document's exact bytes."""
    return digest_id("org", root_text)


def sha256(content: bytes) -> str:
    """`sha256:` and the hex digest, the way documents and pages write digests."""
    return "sha256:" + hashlib.sha256(content).hexdigest()

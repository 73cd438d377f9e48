"""Makes the approval page: one HTML file that holds all it needs and asks for nothing from anywhere.

Its content policy names its one script and its one stylesheet by their digests, so whatever is added to the file later
does not run. The limits, kinds and namespaces that it knows are written into it from the same Python that devices use.
The same release gives the same bytes; `sereno --version` prints their digest.
"""

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from sereno_proto import approval, grants, limits, passkey_statement, plan, planned_step, sshsig
from sereno_proto.denial import KIND as DENIAL
from sereno_proto.documents import Kind
from sereno_proto.ids import sha256

PAGE: Final = Path(__file__).parent / "page"
STYLE: Final = Path(__file__).parent.parent / "web" / "static" / "style.css"
NAME: Final = "index.html"
SCRIPTS: Final = ("documents", "steps", "asked", "words", "view", "passkey", "link", "page")  # each needs those before
LIMITS: Final = (
    *("DOCUMENT_BYTES_MAX", "DOCUMENT_LINES_MAX", "DOCUMENT_VALUE_CHARS_MAX", "DEVICE_NAME_PATTERN"),
    *("PERSON_NAME_PATTERN", "PLAN_VALID_S", "STEPS_MAX", "STEP_NAME_CHARS_MAX", "TARGETS_PER_STEP_MAX"),
    *("SUBJECTS_PER_STEP_MAX", "REQUIRE_WITHIN_S_MAX", "GRANT_DAYS_MAX", "GRANT_DEVICES_MAX", "GRANT_USES_MAX"),
    *("GRANT_TRIGGERS_MAX", "GRANT_PAUSE_S_MIN", "GRANT_PAUSE_S_MAX", "APPROVE_LINK_CHARS_MAX"),
)
_IMPORT: Final = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export ", re.MULTILINE)


@cache
def page() -> bytes:
    """The file's bytes."""
    code = f'"use strict";\n{{\n{script()}}}\n'
    style = STYLE.read_text() + (PAGE / "approve.css").read_text()
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(code)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action https: http://localhost:* http://127.0.0.1:*",
            "require-trusted-types-for 'script'",
        )
    )
    html = (PAGE / NAME).read_text()
    return html.replace("{policy}", policy).replace("{style}", style).replace("{script}", code).encode()


def script(*, without: tuple[str, ...] = ()) -> str:
    """The page's modules in their order, after what Python tells them, as one script."""
    modules = [(PAGE / f"{name}.js").read_text() for name in SCRIPTS if name not in without]
    body = "".join(_EXPORT.sub("", _IMPORT.sub("", module)) for module in modules)
    return f"{facts()}{body}"


def facts() -> str:
    """What the page knows from Python, as declarations."""
    kinds = {plan.KIND.name: plan.KIND, **grants.KINDS}
    namespaces = {plan.KIND.name: approval.NAMESPACES, **grants.NAMESPACES}
    told: dict[str, Any] = {
        "LIMITS": {name: getattr(limits, name) for name in LIMITS},
        "KINDS": {name: _kind(kind) for name, kind in kinds.items()},
        "NAMESPACES": namespaces,
        "SUBJECT_KINDS": planned_step.SUBJECT_KINDS,
        "STATEMENT": _kind(passkey_statement.KIND),
        "DENIAL": _kind(DENIAL),
        "DENY_NAMESPACE": sshsig.DENY_NAMESPACE,
    }
    return "".join(f"const {name} = {json.dumps(value)};\n" for name, value in told.items())


def digest() -> str:
    """`sha256:…` of the file, as `sha256sum index.html` gives it."""
    return sha256(page())


def write(folder: Path) -> Path:
    """Writes the page into a folder, made where it is missing, and gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_bytes(page())
    return path


def _kind(kind: Kind) -> dict[str, Any]:
    return {
        "first_line": kind.first_line,
        "required": kind.required,
        "optional": kind.optional,
        "patterned": kind.patterned,
    }


def _digest(text: str) -> str:
    """As a content policy names an inline part."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

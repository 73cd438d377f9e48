"""Is it who it says, does it know whom to obey, and is its record whole."""

import datetime as dt
import json
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sereno_agent import config, ledger, policy
from sereno_agent.doctor_row import Row, bad, note, ok
from sereno_playbooks import registry as actions
from sereno_proto import ids
from sereno_proto.errors import SerenoError

if TYPE_CHECKING:
    from sereno_agent.doctor import Patient

_RENEW_DAYS: Final = 5  # the server renews earlier than that
_ROSTER_DAYS: Final = 7


def joined(patient: "Patient") -> Iterator[Row]:
    """It has joined somebody."""
    found = config.read_joined(patient.folders.joined)
    yield ok(f"joined as {found.name}, {found.device_id}")


def identity(patient: "Patient") -> Iterator[Row]:
    """The identity key is there, closed to others, and the one that the device's id was made of."""
    path = patient.folders.identity_key
    if not patient.folders.joined.exists():
        return
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except PermissionError:
        yield ok(f"{path} is closed to this user")
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield bad(f"{path} is open to others ({mode:04o})", f"chmod 0600 {path}")
    from sereno_proto.sshsig import FileSigner  # noqa: PLC0415, only the doctor's own process loads cryptography

    try:
        own = ids.device_id(FileSigner(path).public_key.raw_ed25519())
    except SerenoError as error:
        if not _readable(path):
            yield note("the identity key cannot be read by this user", "run `sereno-agent doctor` as root")
        else:
            yield bad(f"{path}: {error.what}", error.remedy)
        return
    named = config.read_joined(patient.folders.joined).device_id
    if own != named:
        yield bad(
            f"the identity key is that of {own}, this folder is of {named}", "join anew with a fresh state folder"
        )
    else:
        yield ok("the identity key is this device's")


def certificate(patient: "Patient") -> Iterator[Row]:
    """The certificate for the link is valid for a while yet."""
    if not patient.folders.joined.exists():
        return
    from cryptography import x509  # noqa: PLC0415

    try:
        leaf = x509.load_pem_x509_certificates(patient.folders.client_pem.read_bytes())[0]
    except (ValueError, IndexError):
        yield bad(f"{patient.folders.client_pem} cannot be read", "join anew with a fresh state folder")
        return
    days = (leaf.not_valid_after_utc.timestamp() - patient.now_s) / 86_400
    if days <= 0:
        yield bad(f"the certificate expired {-days:.0f} days ago", "ask for a join code and join anew")
    elif days < _RENEW_DAYS:
        yield note(
            f"the certificate is valid for {days:.1f} days", "it renews when connected: see `sereno-agent status`"
        )
    else:
        yield ok(f"the certificate is valid for {days:.0f} days")


def roster(patient: "Patient") -> Iterator[Row]:
    """The pinned root is the organisation's, and a roster that it signed is in force."""
    folders = patient.folders
    if not folders.joined.exists():
        return
    from sereno_agent import later_roots  # noqa: PLC0415
    from sereno_proto.roster import read_roster, verify_roster  # noqa: PLC0415

    root = folders.root_text.read_bytes()
    organisation = config.read_joined(folders.joined).organisation_id
    if ids.organisation_id(root) != organisation:
        yield bad("the pinned root is not the one this device joined under", "join anew with a fresh state folder")
        return
    text = folders.roster_text.read_bytes()
    signatures = json.loads(folders.roster_signatures.read_bytes())
    now = dt.datetime.fromtimestamp(patient.now_s, dt.UTC)
    try:
        pinned = verify_roster(root, text, signatures, now, later_roots.read(folders.later_roots))
    except SerenoError as error:
        yield bad(f"roster {read_roster(text).version}: {error.what}", error.remedy)
        return
    days = (pinned.expires - now).total_seconds() / 86_400
    line = f"roster {pinned.version} is signed by the root, {len(pinned.persons)} persons, valid for {days:.0f} days"
    yield note(line, "have a new one signed: `sereno roster sign`") if days < _ROSTER_DAYS else ok(line)


def policy_in_force(patient: "Patient") -> Iterator[Row]:
    """The policy is valid, and what it names is there."""
    path = config.load(patient.folders.config).policy or patient.folders.policy
    found = policy.in_force(path)
    if found.error:
        yield bad(f"nothing is allowed: {found.error}", "mend it, or `sereno-agent policy set KEY VALUE`")
        return
    yield ok(f"{path} is valid; actions: {', '.join(sorted(found.actions)) or 'none'}")
    for name in sorted(found.actions - set(actions.names())):
        yield note(f"the policy allows {name!r}, and there is no such action", "see `sereno-agent capabilities`")
    named = [(folder.name, folder.path) for folder in found.folders.values()]
    named += [(file.name, file.path) for file in found.files.values()]
    for name, target in named:
        if not target.exists():
            yield note(f"the policy names {name}, and {target} does not exist", "make it, or take it out")
        elif target.resolve() != target:
            yield bad(f"{name}: {target} leads through a link, which is refused", f"name {target.resolve()} instead")


def whole_ledger(patient: "Patient") -> Iterator[Row]:
    """The chain of the record."""
    head = ledger.verify(patient.folders.ledger)
    yield ok(f"the ledger's chain is whole, {head.length} rows")
    if patient.folders.lockdown.exists():
        yield note("lockdown is on: nothing remote may act here", "`sereno-agent lockdown off` when it may again")


def _readable(path: "object") -> bool:
    try:
        with open(str(path), "rb"):  # noqa: PTH123
            return True
    except OSError:
        return False

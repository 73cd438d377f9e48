"""A plan as this workstation may trust it: the device's own text, checked against the device that we know.

Nothing here relies on the server's word: the signature must be the device's, the device's id is the digest of the key
that made it, and the id must be the one this workstation has met under that name.
"""

from pathlib import Path

from sereno_proto import sshsig
from sereno_proto.errors import Refused
from sereno_proto.ids import device_id
from sereno_proto.plan import Plan, read_plan
from sereno_proto.roster import read_roster
from sereno_server.cli.known_devices import KnownDevices
from sereno_server.cli.printing import out, say

ED25519_BYTES = 32
FOLD_MIN = 20


def verified(text: bytes, device_signature: str, known: KnownDevices) -> Plan:
    """Reads a plan whose device has signed it; raises E_SIGNATURE_INVALID or E_DEVICE_CHANGED where it has not."""
    plan = read_plan(text)
    key = sshsig.verify(text, device_signature, sshsig.PLAN_NAMESPACE)
    if key.type != "ssh-ed25519" or device_id(key.blob[-ED25519_BYTES:]) != plan.device_id:
        raise Refused("E_SIGNATURE_INVALID", f"the plan is not signed by {plan.device_id}, which it names")
    if known.meet(plan.device_name, plan.device_id):
        say(f"first time this workstation meets {plan.device_name}: {plan.device_id}")
    return plan


def require_newest_roster(version_min: int, folder: Path) -> None:
    """Raises E_ROSTER_VERSION when a text goes by an older roster than the one signed on this workstation, if any.

    A server that withholds a roster keeps a person who was removed alive on its devices; whoever holds the newer roster
    does not sign for a device that has not got it.
    """
    newest = folder / "roster.txt"
    if newest.exists() and (version := read_roster(newest.read_bytes()).version) > version_min:
        raise Refused(
            "E_ROSTER_VERSION",
            f"the text goes by roster {version_min}, this workstation has signed {version}",
            "publish it, `sereno roster publish`, and ask for a new plan",
        )


def folded(line: str, width: int) -> str:
    """A line of the text, exactly as it is; what does not fit the terminal goes on indented.

    No line of a document starts with a space. So nothing inside a value, such as a file's name that fills the rest of
    the row, can look like a line of its own. Width 0: not a terminal, nothing is folded.
    """
    if width < FOLD_MIN or len(line) <= width:
        return line + "\n"
    rest = [line[start : start + width - 4] for start in range(width, len(line), width - 4)]
    return "".join([line[:width], "\n", *(f"    {part}\n" for part in rest)])


def show(text: bytes, plan: Plan, prose: str) -> None:
    """Prints the very text that will be signed, and the server's words after it, marked as such."""
    out.rule(f"plan of {plan.device_name}: this text is what you sign")
    out.file.write(
        "".join(folded(line, out.width if out.is_terminal else 0) for line in text.decode("ascii").splitlines())
    )
    out.rule(f"end of the plan; signed by {plan.device_id}")
    if prose:
        say("The server says (unverified, not part of what you sign):")
        for line in prose.splitlines():
            say(f"  | {line}")

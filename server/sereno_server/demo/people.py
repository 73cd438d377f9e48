"""The demo's people, and the documents that would be made on a workstation: keys, root, roster."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sereno_proto import sshsig
from sereno_proto.ids import organisation_id
from sereno_proto.limits import ROSTER_DAYS_MAX
from sereno_proto.root import Root, write_root
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, Threshold, read_roster, write_roster
from sereno_server.cli.workstation import Workstation, put
from sereno_server.demo.place import Place

ORGANISATION = "Demo"
RENEW_DAYS = 7  # a roster that ends sooner is made anew at the next start
PEOPLE = (  # name, display, role, purposes of their keys
    ("noa", "Noa Vidal", "technician", ("session", "approve")),
    ("iker", "Iker Etxeberria", "approver", ("session", "approve")),
    ("ane", "Ane Ruiz", "administrator", ("session", "registrar")),
)


def key_path(place: Place, name: str, purpose: str) -> Path:
    """Where a person's private key lies in the demo; the public one is beside it with .pub."""
    return place.keys / f"{name}-{purpose}"


def make_key(path: Path, comment: str) -> sshsig.FileSigner:
    """The key of that file, made where it is missing."""
    if not path.exists():
        signer = sshsig.generate(path)
        put(Path(f"{path}.pub"), f"{signer.public_key.line} {comment}\n".encode())
        return signer
    return sshsig.FileSigner(path)


def prepare(place: Place) -> Workstation:
    """Makes what is missing: keys, the root, a signed roster. What an earlier start made stays."""
    workstation = Workstation(place.workstation)
    root_signer = make_key(place.keys / "root", "root of the demo")
    for name, _, _, purposes in PEOPLE:
        for purpose in purposes:
            make_key(key_path(place, name, purpose), f"{name} {purpose}")
    if not (place.workstation / "root.txt").exists():
        text = write_root(Root(ORGANISATION, 1, (root_signer.public_key,)))
        workstation.write("root", text, [root_signer.sign(text, sshsig.ROOT_NAMESPACE)])
    now = datetime.now(UTC)
    if not (place.workstation / "roster.txt").exists():
        sign_roster(place, now, standard_people(place), version=1)
    else:
        last = read_roster(workstation.read("roster")[0])
        if last.expires < now + timedelta(days=RENEW_DAYS):
            sign_roster(place, now, last.persons, version=last.version + 1, thresholds=last.thresholds)
    return workstation


def standard_people(place: Place) -> tuple[Person, ...]:
    """The persons of the first roster."""
    return tuple(
        Person(
            name,
            display,
            role,
            tuple(
                RosterKey(purpose, sshsig.FileSigner(key_path(place, name, purpose)).public_key) for purpose in purposes
            ),
        )
        for name, display, role, purposes in PEOPLE
    )


def sign_roster(
    place: Place,
    now: datetime,
    persons: tuple[Person, ...],
    *,
    version: int,
    thresholds: dict[str, Threshold] | None = None,
) -> None:
    """Signs a roster with the root and keeps it as the workstation's last signed one."""
    workstation = Workstation(place.workstation)
    issued = now.replace(microsecond=0)
    roster = Roster(
        organisation_id=organisation_id(workstation.read("root")[0]),
        version=version,
        issued=issued,
        expires=issued + timedelta(days=ROSTER_DAYS_MAX),
        persons=persons,
        thresholds=dict(thresholds or DEFAULT_THRESHOLDS),
    )
    text = write_roster(roster)
    signature = sshsig.FileSigner(place.keys / "root").sign(text, sshsig.ROSTER_NAMESPACE)
    put(place.workstation / "signed" / f"roster-{version}.txt", text)
    workstation.write("roster", text, [signature])


def settings_text(place: Place, server: str) -> str:
    """cli.toml: the same command line that people use in production, with everybody's keys at hand."""
    lines = [
        "# Written by `sereno demo` at each start. In production every person has a file of their own in",
        "# ~/.config/sereno/cli.toml, and keys that stay on their own machine, in ssh-agent or in a token.",
        f'server = "{server}"',
        'person = "noa"',
        'approver = "iker"',
        f'roster = "{place.workstation.name}"',
    ]
    for name, _, _, purposes in PEOPLE:
        lines += ["", f"[people.{name}]", f'sign_in = "keys/{name}-session"']
        lines += [f'{purpose} = "keys/{name}-{purpose}"' for purpose in ("approve", "registrar") if purpose in purposes]
    return "\n".join(lines) + "\n"

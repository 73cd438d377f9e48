"""`sereno-agent`: join, run, status, doctor, history, policy, capabilities, lockdown, collect, leave."""

import gc
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from sereno_agent.folders import STATE_DEFAULT, Folders
from sereno_proto.errors import SerenoError

if TYPE_CHECKING:
    import argparse

Given = Any  # argparse.Namespace, or what stands in for it
Command = Callable[[Folders, Given], int]
_STATE_VARIABLE: Final = "SERENO_AGENT_STATE"
_JSON: Final = ("--json",)
_IS_JSON: Final[dict[str, Any]] = {"action": "store_true", "help": "print JSON"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code. Errors are one line on stderr and exit code 1, or 2 for wrong usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    given = _plain_run(arguments) or _parser().parse_args(arguments)
    command: Command = given.command
    # Whoever else uses this machine has no business in what is written here.
    umask = os.umask(0o077)
    try:
        return command(Folders(given.state), given)
    except SerenoError as error:
        sys.stderr.write(f"sereno-agent: {error.line()}\n")
    except PermissionError as error:
        sys.stderr.write(
            f"sereno-agent: {error.filename}: permission denied. Run it as the agent's user, or as root.\n"
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # `sereno-agent history | head` is no error
    except OSError as error:
        sys.stderr.write(f"sereno-agent: {error.filename or 'the system'}: {error.strerror or error}\n")
    except KeyboardInterrupt:
        return 130
    finally:
        os.umask(umask)
    return 1


def _plain_run(arguments: Sequence[str]) -> Any:
    """What `run` and `run --state DIR` mean, as the service says it, without a parser: 0.4 MB. None for all else."""
    match list(arguments):
        case ["run"]:
            return SimpleNamespace(command=_run, state=_state_default())
        case ["run", "--state", folder] if not folder.startswith("-"):
            return SimpleNamespace(command=_run, state=Path(folder))
    return None


def _state_default() -> Path:
    return Path(os.environ.get(_STATE_VARIABLE) or STATE_DEFAULT)


def _parser() -> "argparse.ArgumentParser":
    import argparse

    shared = argparse.ArgumentParser(add_help=False)
    state = _state_default()
    shared.add_argument("--state", type=Path, default=state, metavar="DIR", help=f"state folder (default {state})")
    parser = argparse.ArgumentParser(prog="sereno-agent", description="Sereno's agent on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> "argparse.ArgumentParser":
        one = commands.add_parser(name, parents=[shared], help=text, description=text)
        one.set_defaults(command=command)
        return one

    join = add("join", _join, "Join the server that a join code names.")
    join.add_argument("code", help="the whole code from `sereno join-code`")
    join.add_argument("--name", default="", help="the device's name (default: this host's)")
    join.add_argument("--json", action="store_true", help="print one JSON object")
    add("run", _run, "Collect and send, until stopped.")
    add("status", _status, "Show whom this machine has joined, and how the agent is.").add_argument(*_JSON, **_IS_JSON)
    doctor = add("doctor", _doctor, "Look at this installation, and say what is wrong and what to do.")
    doctor.add_argument("--offline", action="store_true", help="do not try to reach the server")
    doctor.add_argument(*_JSON, **_IS_JSON)
    history = add("history", _history, "Show every remote act on this machine, and whether the record is whole.")
    history.add_argument("--head", default="", metavar="DIGEST", help="also show whether the chain holds this head")
    history.add_argument("--last", type=int, default=0, metavar="N", help="show only the last N rows")
    history.add_argument(*_JSON, **_IS_JSON)
    text = "Show what is allowed on this machine, or change it."
    _add_policy(commands.add_parser("policy", help=text, description=text), shared)
    what = "Show what this product can do to a machine, and what this machine's policy allows."
    add("capabilities", _capabilities, what).add_argument(*_JSON, **_IS_JSON)
    lockdown = add("lockdown", _lockdown, "Stop every remote act on this machine, or allow them again.")
    lockdown.add_argument("switch", choices=("on", "off"))
    collect = add("collect", _collect, "Show what a collector would send.")
    collect.add_argument("collector", nargs="?", default="", help="its name (default: all)")
    add("leave", _leave, "Forget the server: identity, keys and what was not sent. Needs the agent stopped.")
    return parser


def _add_policy(policy: "argparse.ArgumentParser", shared: "argparse.ArgumentParser") -> None:
    verbs = policy.add_subparsers(required=True, metavar="VERB")
    show = verbs.add_parser("show", parents=[shared], help="what is in force, and what the server wishes")
    show.add_argument(*_JSON, **_IS_JSON)
    show.set_defaults(command=_policy_show)
    for verb, text in (("set", "set a key to one value or several"), ("unset", "remove a key")):
        change = verbs.add_parser(verb, parents=[shared], help=text, description=text)
        change.add_argument("key", help="such as actions.allow, collect.deny, folders.app-logs.path")
        if verb == "set":
            change.add_argument("values", nargs="*", help="several make a list; none an empty one")
        change.set_defaults(command=_policy_change, values=None)
    text = "show the privileges that the policy grants the executor, as a drop-in for its systemd unit"
    privileges = verbs.add_parser("privileges", parents=[shared], help=text, description=text)
    privileges.add_argument("--write", action="store_true", help="put it in place (as root)")
    privileges.set_defaults(command=_policy_privileges)


def _join(folders: Folders, given: Given) -> int:
    from sereno_agent.join import join
    from sereno_agent.ledger import Ledger
    from sereno_agent.ownership import settle

    outcome = join(folders, given.code, given.name)
    joined = outcome.joined
    settle(folders)
    Ledger(folders.ledger, _now_ms).append("device.joined", joined.device_id, what=f"joined {joined.organisation_id}")
    if given.json:
        print(json.dumps({**joined._asdict(), "root_digest": outcome.root_digest, "root_name": outcome.root_name}))
        return 0
    print(f"{joined.name} has joined {outcome.root_name} as {joined.device_id}.")
    print(f"Root: {outcome.root_digest}")
    print("Compare this digest with the one that your administrator gave you; `sereno-agent leave` if it differs.")
    if not folders.policy.exists():
        print(f"There is no {folders.policy}: measurements are sent, and nothing on this machine may be changed.")
    return 0


def _run(folders: Folders, _: Given) -> int:
    # One thread polls for gRPC; forking is left to subprocess, which execs at once.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what broke a connection is in `sereno-agent status`
    from sereno_agent.light import lighten

    lighten()
    gc.disable()  # until the core is built, see agent.py
    from sereno_agent.agent import run

    run(folders)
    return 0


def _status(folders: Folders, given: Given) -> int:
    from sereno_agent import overview

    found = overview.gather(folders)
    print(json.dumps(found) if given.json else overview.render(found, _now_ms() / 1000))
    return 0 if found["joined"] else 1


def _doctor(folders: Folders, given: Given) -> int:
    from sereno_agent import doctor

    rows = list(doctor.examine(folders, offline=given.offline))
    if given.json:
        print(json.dumps([row._asdict() for row in rows]))
    else:
        print("\n".join(doctor.render(rows)))
    return 1 if any(row.state == "bad" for row in rows) else 0


def _history(folders: Folders, given: Given) -> int:
    from sereno_agent import history

    lines, whole = history.show(folders, as_json=given.json, head=given.head, last=given.last)
    for line in lines:
        print(line)
    return 0 if whole else 1


def _policy_show(folders: Folders, given: Given) -> int:
    from sereno_agent import policy_show

    found = policy_show.gather(folders)
    print(json.dumps(found) if given.json else "\n".join(policy_show.render(found)))
    return 1 if found["error"] else 0


def _policy_change(folders: Folders, given: Given) -> int:
    from sereno_agent import config, policy_edit
    from sereno_agent.ledger import Ledger
    from sereno_playbooks import registry
    from sereno_proto.errors import BadInput

    if given.key == "actions.allow" and (unknown := sorted(set(given.values or ()) - set(registry.names()))):
        raise BadInput("E_PARAMETER", f"there is no action {unknown[0]!r}", "see `sereno-agent capabilities`")
    path = config.load(folders.config).policy or folders.policy
    value = policy_edit.change(path, given.key, given.values)
    what = f"{given.key} = {value}" if value else f"{given.key} is no longer set"
    if folders.state.is_dir():
        Ledger(folders.ledger, _now_ms).append("policy.set", given.key[:200], what=what[:1000])
    print(f"{path}: {what}\nIt is in force within seconds, and voids every plan made before.")
    if folders.split:
        print("What the executor may write follows with: sereno-agent policy privileges --write")
    return 0


def _policy_privileges(folders: Folders, given: Given) -> int:
    from sereno_agent import config, policy, privileges
    from sereno_agent.ownership import settle

    path = config.load(folders.config).policy or folders.policy
    text = privileges.drop_in(policy.load(path), path)
    if not given.write:
        print(text, end="")
        return 0
    privileges.UNIT.parent.mkdir(exist_ok=True)
    privileges.UNIT.write_text(text)
    privileges.UNIT.parent.chmod(0o755)
    privileges.UNIT.chmod(0o644)
    settle(folders)  # an executor that was root until now has left files of root's
    print(f"{privileges.UNIT} is written. Now: systemctl daemon-reload")
    return 0


def _capabilities(folders: Folders, given: Given) -> int:
    from sereno_agent import capabilities

    found = capabilities.gather(folders)
    print(json.dumps(found) if given.json else "\n".join(capabilities.render(found)))
    return 1 if found["here"]["error"] else 0


def _lockdown(folders: Folders, given: Given) -> int:
    from sereno_agent.lockdown import switch

    print(switch(folders, on=given.switch == "on", now_ms=_now_ms))
    return 0


def _collect(folders: Folders, given: Given) -> int:
    from sereno_agent import show_collector

    for line in show_collector.show(folders, given.collector):
        print(line)
    return 0


def _leave(folders: Folders, _: Given) -> int:
    from sereno_agent import agent_lock, config
    from sereno_agent.leave import leave
    from sereno_agent.ledger import Ledger
    from sereno_agent.ownership import settle

    joined = config.read_joined(folders.joined)
    with agent_lock.held(folders):
        Ledger(folders.ledger, _now_ms).append("device.left", joined.device_id, what=f"left {joined.organisation_id}")
        leave(folders)
        settle(folders)
    print(f"{joined.name} has left. Its ledger, policy and kept file versions are still in {folders.state}.")
    return 0


def _now_ms() -> int:
    import time

    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    raise SystemExit(main())

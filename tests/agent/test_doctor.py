"""status, doctor and history: what they say of a machine that is well, and of each thing that is wrong with it."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.agent.certificates import authority
from tests.agent.executor.house import House

from sereno_agent import cli, doctor_installation, doctor_sight, doctor_trust, doctor_working, history, overview
from sereno_agent.doctor import Patient, examine, render
from sereno_agent.ledger import Ledger
from sereno_agent.wants import Wants, save
from sereno_proto.errors import SerenoError

if TYPE_CHECKING:
    from sereno_agent.doctor_row import Row


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def house(tmp_path: Path, keys: Path) -> House:
    made = House(tmp_path, keys)
    key, chain = authority().pair("dev_test")
    made.folders.client_key.write_bytes(key)
    made.folders.client_pem.write_bytes(chain)
    made.folders.root_signatures.write_text("[]")
    return made


def patient(house: House, **changes: object) -> Patient:
    return dataclasses.replace(Patient(house.folders, house.now_ms / 1000, user=1000, offline=True), **changes)


def states(rows: "list[Row]") -> list[str]:
    return [row.state for row in rows]


def test_a_machine_that_is_well_has_nothing_to_mend(house: House) -> None:
    sick = patient(house)
    for examination in (
        doctor_installation.programs,
        doctor_installation.settings,
        doctor_installation.state_folder,
        doctor_trust.joined,
        doctor_trust.identity,
        doctor_trust.roster,
        doctor_trust.whole_ledger,
        doctor_working.spool,
    ):
        assert states(list(examination(sick))) == ["ok"], examination.__name__
    own, *others = doctor_trust.policy_in_force(sick)
    assert own.state == "ok"
    assert all(row.state == "note" and "no such action" in row.what for row in others), "the house's are made up"
    assert states(list(doctor_installation.separation(sick))) == ["note"]
    now_s = datetime.now(UTC).timestamp()
    assert states(list(doctor_trust.certificate(dataclasses.replace(sick, now_s=now_s)))) == ["note"], "it ends soon"


def test_each_thing_that_is_wrong_is_said_with_what_to_do(house: House, tmp_path: Path) -> None:
    sick = patient(house)
    house.folders.state.chmod(0o755)
    assert next(iter(doctor_installation.state_folder(sick))).remedy == f"chmod 0700 {house.folders.state}"
    house.folders.state.chmod(0o700)
    house.folders.identity_key.chmod(0o644)
    assert states(list(doctor_trust.identity(sick))) == ["bad", "ok"]
    assert states(list(doctor_trust.roster(dataclasses.replace(sick, now_s=sick.now_s + 25 * 86_400)))) == ["note"]
    assert states(list(doctor_trust.roster(dataclasses.replace(sick, now_s=sick.now_s + 99 * 86_400)))) == ["bad"]
    assert states(list(doctor_trust.certificate(dataclasses.replace(sick, now_s=4e9)))) == ["bad"]
    (tmp_path / "link").symlink_to(tmp_path)
    house.folders.policy.write_text(f'[folders.a]\npath = "{tmp_path}/link"\n[folders.b]\npath = "{tmp_path}/none"\n')
    assert states(list(doctor_trust.policy_in_force(sick))) == ["ok", "bad", "note"]
    house.folders.policy.write_text("broken [\n")
    assert "nothing is allowed" in next(iter(doctor_trust.policy_in_force(sick))).what
    assert states(list(doctor_working.core(sick))) == ["bad"]
    house.folders.root_text.write_bytes(house.root_text + b" ")
    assert "not the one this device joined under" in next(iter(doctor_trust.roster(sick))).what
    content = house.folders.identity_key.read_bytes()
    house.folders.identity_key.write_bytes(content[:40])
    assert states(list(doctor_trust.identity(sick)))[-1] == "bad"


def test_one_examination_that_fails_stops_no_other(house: House) -> None:
    house.folders.joined.write_text("{")
    house.folders.roster_text.unlink()
    rows = list(examine(house.folders, offline=True))
    assert any("joined.json" in row.what for row in rows)
    assert rows[-1].state in {"ok", "note"}
    assert "to mend" in list(render(rows))[-1]


def test_what_cannot_be_seen_without_root_is_said(house: House) -> None:
    assert states(list(doctor_sight.sight(patient(house, user=0)))) == ["ok"]
    assert all(row.state == "note" and row.remedy for row in doctor_sight.sight(patient(house)))


def test_a_two_user_folder_tells_what_the_core_may_write(house: House) -> None:
    (house.folders.state / "core").mkdir()
    split = type(house.folders)(house.folders.state)
    assert (split.split, split.spool) == (True, split.state / "core" / "spool")
    row = next(iter(doctor_installation.separation(patient(house, folders=split))))
    assert row.state == "bad", "here one user owns everything"
    assert str(split.pins) in row.what
    assert str(split.identity_key) in row.what


def test_the_status_is_one_screen_with_all_of_it(house: House) -> None:
    save(house.folders.wants, Wants(actions=("rotate_logs", "restart_service")))
    house.folders.status.write_text(
        json.dumps(
            {
                "acknowledged_ms": house.now_ms - 4000,
                "spool_bytes": 1_500_000,
                "spool_dropped": {"samples": 3},
                "resident_bytes": 41_000_000,
                "cpu_s": 6.0,
                "started_ms": house.now_ms - 7_200_000,
                "written_ms": house.now_ms,
                "collectors": {"cpu": {"mean_ms": 0.2, "error": ""}, "disks": {"mean_ms": 3.1, "error": "OSError: no"}},
            }
        )
    )
    screen = overview.render(overview.gather(house.folders), house.now_ms / 1000)
    for part in (
        "Acme",
        house.organisation,
        "version 3, until",
        "4 s ago",
        "1.5 MB of",
        "dropped: 3 samples",
        "rotate_logs",
        "restart_service: not allowed here",
        "41 MB resident, 6.0 s of CPU (12 ms each 15 s)",
        "the slowest disks",
        "disks: OSError: no",
    ):
        assert part in screen
    assert len(screen.splitlines()) <= 24


def test_an_earlier_head_is_found_until_the_record_is_written_anew(house: House) -> None:
    ledger = Ledger(house.folders.ledger, lambda: house.now_ms)
    noted = ledger.append("run.approved", "pln_1", detail={"requester": "noa", "approvers": "ana"}).digest
    ledger.append("run.succeeded", "run_1")
    lines, whole = history.show(house.folders, as_json=False, head=noted)
    assert whole
    assert "requester noa, approvers ana" in lines[-3]
    assert "has the head you gave" in lines[-1]
    assert len(history.show(house.folders, as_json=False, last=1)[0]) == 2
    house.folders.ledger.unlink()
    Ledger(house.folders.ledger, lambda: house.now_ms).append("run.approved", "pln_1")
    lines, whole = history.show(house.folders, as_json=False, head=noted)
    assert (whole, "NO ROW HAS THE HEAD" in lines[-1]) == (False, True)
    content = house.folders.ledger.read_bytes()
    house.folders.ledger.write_bytes(content.replace(b"pln_1", b"pln_2"))
    assert history.show(house.folders, as_json=True)[1] is False


def test_the_commands_answer_with_their_exit_code(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["--state", str(house.folders.state)]
    assert cli.main(["policy", "set", "actions.allow", "rotate_logz", *state]) == 1
    assert "there is no action 'rotate_logz'" in capsys.readouterr().err
    assert cli.main(["policy", "set", "actions.allow", "rotate_logs", *state]) == 0
    assert cli.main(["policy", "show", *state]) == 0
    assert "actions: rotate_logs" in capsys.readouterr().out
    assert cli.main(["policy", "show", "--json", *state]) == 0
    assert json.loads(capsys.readouterr().out)["in_force"]["actions"] == ["rotate_logs"]
    assert cli.main(["policy", "set", "actions.bogus", "1", *state]) == 1
    assert "E_POLICY_INVALID" in capsys.readouterr().err
    assert cli.main(["policy", "unset", "actions.allow", *state]) == 0
    assert cli.main(["history", *state]) == 0
    assert "policy.set" in capsys.readouterr().out
    assert cli.main(["doctor", "--offline", "--json", *state]) == 1
    assert {row["state"] for row in json.loads(capsys.readouterr().out)} >= {"ok", "bad"}


def test_a_state_folder_that_is_not_there_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        cli.main(["policy"])
    assert cli.main(["policy", "set", "actions.allow", "x", "--state", str(tmp_path / "none")]) == 1
    assert SerenoError("E_STATE_FOLDER").code == "E_STATE_FOLDER"

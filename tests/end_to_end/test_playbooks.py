"""Playbooks of the library on a real server with a real agent: asked for and approved on the command line."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sereno_server.demo import machine
from sereno_server.demo.place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

HELD_BYTES = 110 << 20
WRITES = f"""
import sys, time
log = open(sys.argv[1], "ab", buffering=0)
for _ in range({HELD_BYTES >> 20}):
    log.write(b"a line of a log\\n" * 65536)
print("written", flush=True)
time.sleep(600)
"""
RENEWS = "import sys, shutil; shutil.copyfile(sys.argv[1], sys.argv[2])"


def certificate(path: Path, days: int) -> Path:
    """A self-signed certificate that ends so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=60))
    signed = made.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def owner(demo, tmp_path):
    """The machine's owner wrote a policy before the demo began: two folders and a certificate more."""
    place = Place(demo.folder)
    place.make()
    things = tmp_path.resolve() / "things"
    for name in ("held", "noise"):
        (things / name).mkdir(parents=True)
    certificate(things / "site.pem", 3)
    renew = [sys.executable, "-c", RENEWS, str(certificate(things / "next.pem", 90)), str(things / "site.pem")]
    actions = ["truncate_deleted_log", "renew_certificate", "rotate_logs"]
    policy = place.agent / "policy.toml"
    text = machine.policy_text(place).replace('"rotate_logs", "remove_old_files"', '"remove_old_files"')
    text = text.replace('allow = ["restore_file"', "allow = " + json.dumps(actions)[:-1] + ', "restore_file"')
    policy.write_text(
        text
        + f'[folders.held]\npath = "{things / "held"}"\nrotate = ["*.log"]\n'
        + f'[folders.noise]\npath = "{things / "noise"}"\nquota_bytes = 1000000\nrotate = ["*.log"]\n'
        + f'[certificates.site]\npath = "{things / "site.pem"}"\nrenew = {json.dumps(renew)}\n'
    )
    policy.chmod(0o600)
    return things


def carried_out(demo, playbook: str, *given: str) -> str:
    """Noa asks, another approves; gives how the run ended."""
    (device,) = json.loads(demo.sereno("devices", "--json").stdout)
    asked = demo.sereno("run", device["name"], playbook, *(f"--set={one}" for one in given), "--yes")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    run_id = asked.stdout.split(":")[0]
    approved = demo.sereno("approve", run_id, "--yes", "--wait")
    (run,) = [row for row in json.loads(demo.sereno("runs", "--json").stdout) if row["id"] == run_id]
    assert run["state"] in {"succeeded", "failed"}, approved.stdout + approved.stderr
    return run["state"]


def test_playbooks_mend_a_real_machine(demo, owner, request):
    demo.start()
    demo.until("joined", "stage")

    log = owner / "held" / "app.log"
    writer = subprocess.Popen([sys.executable, "-c", WRITES, str(log)], stdout=subprocess.PIPE)
    request.addfinalizer(lambda: (writer.kill(), writer.wait(), writer.stdout.close()))
    assert writer.stdout.readline() == b"written\n"
    held = os.open(log, os.O_RDONLY)
    request.addfinalizer(lambda: os.close(held))
    log.unlink()
    assert carried_out(demo, "disk.empty_deleted_logs", "folder=held") == "succeeded"
    assert os.fstat(held).st_size == 0

    site = owner / "site.pem"
    assert carried_out(demo, "certificate.renew", "certificate=site") == "succeeded"
    assert site.read_bytes() == (owner / "next.pem").read_bytes()
    certificate(owner / "next.pem", 100)
    assert carried_out(demo, "certificate.renew", "certificate=site") == "succeeded"
    assert site.read_bytes() != (owner / "next.pem").read_bytes()  # 90 days are left: the step is skipped

    noise = os.urandom(950_000)  # which packs to as much, so it does not help, and is undone
    (owner / "noise" / "app.log").write_bytes(noise)
    assert carried_out(demo, "disk.pack_logs", "folder=noise") == "failed"
    assert [path.name for path in (owner / "noise").iterdir()] == ["app.log"]
    assert (owner / "noise" / "app.log").read_bytes() == noise

    assert demo.interrupt() == 0
    assert demo.left_behind() == []

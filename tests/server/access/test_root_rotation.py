"""The server's copy of the roots: it stores what follows, refuses a second one, and gives all of them to devices."""

import asyncio

import pytest

from sereno_proto import sshsig
from sereno_proto.ids import sha256
from sereno_proto.root import Root
from sereno_proto.root_chain import NextRoot, write_next_root
from sereno_server.access.organisations import roots_of
from sereno_server.store.engine import Scope

pytestmark = pytest.mark.slow


def next_root(site, signer, *by, number=2):
    organisation = site.organisations["bakery"]

    async def first():
        async with site.app.store.transaction(Scope(organisation)) as tx:
            return (await roots_of(tx, organisation))[0]

    root = Root("bakery", 1, (signer.public_key,))
    text = write_next_root(NextRoot(organisation, number, sha256(asyncio.run(first())), root))
    signatures = [one.sign(text, sshsig.NEXT_ROOT_NAMESPACE) for one in by]
    return {"text": text.decode(), "signatures": signatures}


def test_a_root_that_follows_is_stored_once_and_join_codes_name_it(site, tmp_path):
    old, new, thief = (
        site.root_signers["bakery"],
        sshsig.generate(tmp_path / "new"),
        sshsig.generate(tmp_path / "thief"),
    )
    administrator = site.secret("bakery", "administrator", "token")

    def post(body, token=administrator):
        return site.call("POST", "/api/v1/roots", token, json=body).json()

    assert post(next_root(site, thief, thief))["code"] == "E_ROOT_THRESHOLD"
    assert post(next_root(site, new, old))["code"] == "E_ROOT_THRESHOLD"
    assert post(next_root(site, new, old, new, number=3))["code"] == "E_ROOT_CHAIN"
    assert post(next_root(site, new, old, new), site.secret("bakery", "technician", "token"))["code"] == "E_FORBIDDEN"
    theirs = site.secret("other", "administrator", "token")
    assert post(next_root(site, new, old, new), theirs)["code"] == "E_ROOT_CHAIN"
    good = next_root(site, new, old, new)
    assert post(good) == post(good) == {"number": 2}
    assert post(next_root(site, thief, old, thief))["code"] == "E_ROOT_FORKED"

"""Who on the roster signed a text, by an SSH key or by a passkey. What role and threshold ask is judged elsewhere."""

from sereno_proto import passkeys, sshsig
from sereno_proto.errors import Refused
from sereno_proto.roster import Person, Roster, RosterKey


def signer(text: bytes, armored: str, namespace: str, roster: Roster, purpose: str) -> tuple[Person, RosterKey]:
    """Gives the person, and the key of that purpose, that signed these very bytes in this namespace.

    Raises what sshsig.verify and passkeys.verify raise, E_KEY_UNKNOWN, E_KEY_PURPOSE.
    """
    held = (
        _passkey(text, armored, namespace, roster)
        if passkeys.is_assertion(armored)
        else _key(text, armored, namespace, roster)
    )
    person, key = held
    if key.purpose != purpose:
        raise Refused("E_KEY_PURPOSE", f"{person.name}'s key {key.public_key.fingerprint} is for {key.purpose}")
    return held


def _key(text: bytes, armored: str, namespace: str, roster: Roster) -> tuple[Person, RosterKey]:
    key = sshsig.verify(text, armored, namespace)
    held = roster.holder(key)
    if held is None:
        raise Refused("E_KEY_UNKNOWN", f"{key.fingerprint} is not on roster {roster.version}")
    return held


def _passkey(text: bytes, armored: str, namespace: str, roster: Roster) -> tuple[Person, RosterKey]:
    assertion = passkeys.unarmor(armored)
    held = roster.holder_of_credential(assertion.credential_id)
    if held is None:
        raise Refused("E_KEY_UNKNOWN", f"the passkey is not on roster {roster.version}")
    passkey = held[1].public_key
    assert isinstance(passkey, passkeys.Passkey)
    passkeys.verify(text, assertion, passkey, namespace)
    return held

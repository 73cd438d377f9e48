"""Grants made in advance as honest people sign them for a house, to be offered, bent and offered again."""

from dataclasses import replace
from datetime import timedelta

from tests.agent.executor.house import House, signature

from sereno_proto.grants import BOUNDS, NAMESPACES, STANDING, Grant, GrantedDevice, write_grant
from sereno_proto.planned_step import PlannedStep, Require
from sereno_proto.v1.runs_pb2 import OfferGrant, Reply, RevokeGrant, Signature, TryGrant

LIMITS = {"targets-max": 3, "bytes-removed-max": 1000}
FULL = Require("disk_space", {"folder": "app-logs"}, "free_percent", "<", 10)


def bounds(house: House, **changes) -> Grant:
    """Free space on this device once, within two days."""
    step = PlannedStep(
        "tidy", {"folder": "app-logs"}, action="tidy", code=house.catalogue.action_code("tidy"), bounds=LIMITS
    )
    grant = Grant(
        kind=BOUNDS,
        id="grt_1",
        nonce="0" * 32,
        organisation_id=house.organisation,
        requester="noa",
        playbook="disk.free_space",
        ticket_id="tkt_1",
        risk="low",
        roster_version_min=3,
        not_before=house.now,
        expires=house.now + timedelta(days=2),
        devices=(GrantedDevice(house.id, "web-1"), GrantedDevice("dev_other", "web-2")),
        steps=(step,),
    )
    return replace(grant, **changes)


def standing(house: House, **changes) -> Grant:
    """Free space whenever less than a tenth is free, twice at most."""
    return replace(bounds(house), kind=STANDING, uses=2, pause_s=3600, triggers=(FULL,), **changes)


def sign(house: House, text: bytes, kind: str, *people: str) -> list[Signature]:
    """noa asks; low risk counts as medium, so ana approves."""
    first, *others = people or ("noa-0-approve", "ana-0-approve")
    namespaces = NAMESPACES[kind]
    given = [signature("request", house.key(first).sign(text, namespaces["request"]))]
    return given + [signature("approve", house.key(one).sign(text, namespaces["approve"])) for one in others]


def offer_text(house: House, text: bytes, signatures: list[Signature]) -> Reply:
    return house.command(offer_grant=OfferGrant(text=text, signatures=signatures, run_id="run_g"))


def offer(house: House, grant: Grant, *people: str) -> Reply:
    text = write_grant(grant)
    return offer_text(house, text, sign(house, text, grant.kind, *people))


def attempt(house: House, grant_id: str = "grt_1") -> Reply:
    return house.command(try_grant=TryGrant(grant_id=grant_id))


def revoke(house: House, grant_id: str = "grt_1") -> Reply:
    return house.command(revoke_grant=RevokeGrant(grant_id=grant_id))

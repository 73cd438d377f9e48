"""Every way, by what it attacks. Importing this lists them all in `way.WAYS`."""

from tests.hostile.ways import on_grants, on_parameters, on_passkeys, on_people, on_plans, on_records, on_the_machine

__all__ = ["on_grants", "on_parameters", "on_passkeys", "on_people", "on_plans", "on_records", "on_the_machine"]

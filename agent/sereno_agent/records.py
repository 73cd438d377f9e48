"""Planned steps as JSON between the executor and its worker."""

from dataclasses import asdict
from typing import Any

from sereno_proto.planned_step import PlannedStep, Require, Subject, Target


def step_record(step: PlannedStep) -> dict[str, Any]:
    """The step as plain JSON values."""
    return asdict(step)


def planned_step_from(record: dict[str, Any]) -> PlannedStep:
    """The step again; raises KeyError or TypeError when the record is not one."""
    return PlannedStep(
        **{
            **record,
            "targets": tuple(Target(**target) for target in record["targets"]),
            "subjects": tuple(Subject(**subject) for subject in record["subjects"]),
            "require": tuple(Require(**require) for require in record["require"]),
            "when": tuple(Require(**require) for require in record["when"]),
            "diff": tuple(record["diff"]),
        }
    )

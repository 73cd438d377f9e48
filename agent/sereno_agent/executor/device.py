"""Who this device is, and what the executor works with. Everything that tests replace is an argument here."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from sereno_agent import policy, workers
from sereno_agent.executor.come_back import boot_id
from sereno_agent.folders import Folders
from sereno_agent.policy import Policy
from sereno_playbooks import registry
from sereno_playbooks.action import Outcome
from sereno_proto.errors import Refused
from sereno_proto.ids import device_id
from sereno_proto.planned_step import PlannedStep
from sereno_proto.sshsig import FileSigner, Signer
from sereno_proto.v1.runs_pb2 import CheckResult, Step


class Workers(Protocol):
    """What runs in processes of its own; see sereno_agent.workers."""

    def plan_action(self, step: Step, *, policy_path: Path, state: Path) -> PlannedStep:
        """A dry run."""

    def verify_action(self, step: PlannedStep, *, policy_path: Path, state: Path) -> None:
        """Raises what apply_action would raise before its first change, such as E_TARGET_DRIFTED."""

    def apply_action(self, step: PlannedStep, *, policy_path: Path, state: Path) -> Outcome:
        """Carries out one step."""

    def revert_action(self, step: PlannedStep, undo_data: str, *, policy_path: Path, state: Path) -> Outcome:
        """Takes it back."""

    def run_check_sync(self, name: str, parameters: dict[str, str], *, policy_path: Path, state: Path) -> CheckResult:
        """Runs a check."""


class Catalogue(Protocol):
    """What this device's own code says of its actions; see sereno_playbooks.registry."""

    def risk_of(self, name: str) -> str:
        """low, medium or high; raises E_ACTION_UNKNOWN."""

    def action_code(self, name: str) -> str:
        """The digest of the action's code."""


class Device(NamedTuple):
    """The device as the executor knows it: identity from the key itself, names from joining."""

    id: str
    name: str
    organisation_id: str
    signer: Signer
    folders: Folders
    policy_path: Path
    plan_valid_s: int
    workers: Workers = workers
    catalogue: Catalogue = registry
    boot_id: Callable[[], str] = boot_id

    def policy(self) -> Policy:
        """The policy in force now; raises E_POLICY_INVALID."""
        return policy.load(self.policy_path)

    def refuse_lockdown(self) -> None:
        """Raises E_LOCKDOWN while the owner keeps the machine locked down."""
        if self.folders.lockdown.exists():
            raise Refused("E_LOCKDOWN")


def identify(signer: FileSigner, named: str) -> str:
    """The device's id, which is its key's digest; refuses a folder in which another id is written."""
    own = device_id(signer.public_key.raw_ed25519())
    if own != named:
        raise Refused("E_STATE_LOST", f"the identity key is that of {own}, this folder is of {named}")
    return own


Clock = Callable[[], int]

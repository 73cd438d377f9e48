"""How likely does a change begin a trouble, its time left aside? Told by kind, name, company and siblings."""

from math import exp, lgamma
from typing import Final, Protocol

from sereno_server.prediction.kinship import below, related, words

# Shares of the troubles that a kind begins against shares of what happens anyway: 1 for an ordinary one.
KINDS: Final = {
    **dict.fromkeys(("file", "setting", "tree", "environment", "package", "container", "cron", "unit", "sysctl"), 1.0),
    "reboot": 1.0,
    **dict.fromkeys(("service", "mount", "module", "kernel", "user"), 0.8),
    **dict.fromkeys(("hardware", "firewall", "network", "route", "dns", "certificate"), 0.6),
    **dict.fromkeys(("group", "sudo"), 0.3),
    **dict.fromkeys(("port", "address", "password", "sshkey"), 0.1),
}
OTHER_KIND: Final = 0.6
# What moves on the network is an ordinary cause of a trouble that has one of these words in its name.
NETWORK_KINDS: Final = frozenset(("port", "address", "firewall", "network", "route", "dns", "certificate"))
NETWORK_WORDS: Final = frozenset(
    (
        *("network", "interface", "conntrack", "connection", "connections", "connect", "certificate", "silent", "dns"),
        *("http", "https", "tls", "tcp", "udp", "ntp", "reachable", "unreachable", "refused", "timeout", "sockets"),
    )
)
RELATED: Final = 4.0  # its name and that of the trouble have a word in common, or it lies in what fills up
FOLLOWS_S: Final = 120.0  # what comes so soon after another change may be its work
FOLLOWS: Final = 0.2
MADE_BY: Final = {  # what such a change often only comes along with
    "file": ("package",),
    "unit": ("package",),
    "user": ("package",),
    "group": ("package", "user"),
    "service": ("package", "file", "setting", "unit", "container", "sysctl", "reboot"),
    "port": ("package", "file", "unit", "container", "service", "reboot"),
    "module": ("package", "reboot", "sysctl"),
    "address": ("reboot", "network", "file"),
    "mount": ("reboot", "file", "unit"),
}
AT_ONCE_S: Final = 2.0  # what was noticed together cannot be put in order
ROLLED_OUT: Final = 0.25  # it came to siblings, and not (as far as is known) to this device
# Devices (in trouble, well) that stand for what is known beforehand: of those that got its cause, and of the others.
GOT_IT: Final = 1.0, 1.0
OTHERS: Final = 0.5, 9.5


class Moved(Protocol):
    """A change, and what became of the organisation's other devices."""

    @property
    def kind(self) -> str: ...

    @property
    def object(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def own(self) -> bool:
        """False when only siblings got it."""

    @property
    def siblings(self) -> int:
        """How many other devices got the same change, long enough ago to tell."""

    @property
    def siblings_in_trouble(self) -> int:
        """How many of them have the same trouble since."""

    @property
    def others(self) -> int:
        """How many devices of the organisation did not get it."""

    @property
    def others_in_trouble(self) -> int:
        """How many of those have the same trouble all the same."""


def likely(change: Moved, about: str, *, led: bool) -> float:
    """How much likelier than an ordinary change this one begins the trouble `about`; led: another one brought it."""
    weight = KINDS.get(change.kind, OTHER_KIND)
    if change.kind in NETWORK_KINDS and words(about, common=False) & NETWORK_WORDS:
        weight = 1.0
    if related(about, f"{change.object} {change.name}") or below(change.object, about):
        weight *= RELATED
    if led:
        weight *= FOLLOWS
    if not change.own:
        weight *= ROLLED_OUT
    return weight * told_by_siblings(change)


def told_by_siblings(change: Moved) -> float:
    """How much better it fits the other devices that this change begins the trouble than that it has no part in it.

    A ratio of two beta-binomial likelihoods: devices with the change fall ill at a rate of their own, or all at one.
    """
    if not change.siblings:
        return 1.0
    ill, other_ill = change.siblings_in_trouble, change.others_in_trouble
    well, other_well = change.siblings - ill, change.others - other_ill
    apart = _chance(ill, well, GOT_IT) + _chance(other_ill, other_well, OTHERS)
    return exp(min(apart - _chance(ill + other_ill, well + other_well, OTHERS), 50.0))


def _chance(ill: int, well: int, before: tuple[float, float]) -> float:
    """Logarithm of the chance of so many ill and well devices when nothing but `before` is known of their rate."""

    def beta(one: float, two: float) -> float:
        return lgamma(one) + lgamma(two) - lgamma(one + two)

    return beta(ill + before[0], well + before[1]) - beta(*before)


def led_by(change: Moved, other: Moved, after_s: float) -> bool:
    """Whether the change came because of the other one: a package brings files, an edited file a restart."""
    if other.kind not in MADE_BY.get(change.kind, ()) or other.own != change.own:
        return False
    return -AT_ONCE_S <= after_s <= FOLLOWS_S

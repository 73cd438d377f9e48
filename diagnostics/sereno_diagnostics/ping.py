"""What `ping -q` writes (iputils, busybox). Pure: text in, figures out."""

import re
from typing import Final, NamedTuple

_LOSS: Final = re.compile(r"([\d.]+)% packet loss")
_MEAN: Final = re.compile(r"= [\d.]+/([\d.]+)/")


class Echo(NamedTuple):
    """Requests and answers. mean_ms: None without an answer."""

    lost_percent: float
    mean_ms: float | None


def parse(text: str) -> Echo | None:
    """None when the text tells nothing: no such program, or a name without address."""
    loss, mean = _LOSS.search(text), _MEAN.search(text)
    return Echo(float(loss[1]), float(mean[1]) if mean else None) if loss else None

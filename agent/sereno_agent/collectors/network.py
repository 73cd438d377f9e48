"""Bytes received and sent by every interface but the loopback and those of containers, as counters."""

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings


def make(_surroundings: Surroundings) -> Collect:
    return collect


def collect(reading: Reading) -> None:
    for interface, counters in psutil.net_io_counters(pernic=True).items():
        if interface == "lo" or interface.startswith("veth"):
            continue
        label = ("interface", interface)
        reading.counter("network_received_bytes", counters.bytes_recv, label)
        reading.counter("network_sent_bytes", counters.bytes_sent, label)

"""Mail that waits, by queue: Postfix and Exim, where this user may look into their spool."""

from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import mail_queues

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 30.0
APART: Final = True


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        for queue in mail_queues.QUEUES:
            if host.readable(f"{mail_queues.POSTFIX}/{queue}"):
                reading.gauge(
                    "mail_queue_messages",
                    mail_queues.messages(host, f"{mail_queues.POSTFIX}/{queue}", ""),
                    ("queue", queue),
                )
        for folder in mail_queues.EXIM:
            if host.readable(folder):
                reading.gauge("mail_queue_messages", mail_queues.messages(host, folder, "-H"), ("queue", "exim"))

    return collect

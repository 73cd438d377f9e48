"""Stands in for the executor: answers each command as its plan's id says, over the real pipes."""

import os
import sys
import time
from pathlib import Path

from sereno_agent.delimited import Decoder, encode
from sereno_proto.v1.link_pb2 import Up
from sereno_proto.v1.runs_pb2 import (
    RUN_STATE_STARTED,
    RUN_STATE_SUCCEEDED,
    Accepted,
    Command,
    Reply,
    RunEvent,
)


def send(up: Up) -> None:
    os.write(1, encode(up))


def main() -> None:
    decoder, kept = Decoder(), []
    while chunk := os.read(0, 65536):
        for command in decoder.feed(chunk, Command.FromString):
            if command.HasField("events_kept"):
                kept.append(command.events_kept.index)
                if kept == [1, 2]:
                    send(Up(reply=Reply(command_id="both-kept", accepted=Accepted())))
                continue
            wish = command.drop_plan.plan_id
            if wish == "die":
                sys.exit(3)
            if wish.startswith("slow "):
                send(Up(run_event=RunEvent(plan_id="pln", index=1, state=RUN_STATE_STARTED)))
                time.sleep(1)
                Path(wish.removeprefix("slow ")).touch()
                continue
            if wish == "babble":
                os.write(1, b"\xff" * 64)
                continue
            if wish == "run":
                send(Up(run_event=RunEvent(plan_id="pln", index=1, state=RUN_STATE_STARTED)))
                send(Up(run_event=RunEvent(plan_id="pln", index=2, state=RUN_STATE_SUCCEEDED)))
            send(Up(reply=Reply(command_id=command.id, accepted=Accepted())))


main()

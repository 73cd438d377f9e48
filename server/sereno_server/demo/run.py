"""`sereno demo` from start to end: start the world, tell where it is, play a drill if asked, stop everything."""

import signal
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sereno_proto.errors import SerenoError
from sereno_server.demo.drill_disk import DiskDrill
from sereno_server.demo.forged.drill import ForgedDrill
from sereno_server.demo.place import Place
from sereno_server.demo.story import Story
from sereno_server.demo.world import World

LOOK_S = 1.0


def run(folder: Path, *, port: int, browser: bool, drill: str | None, leave: bool, as_json: bool) -> None:
    """Runs the demo until it is told to stop, or with `leave` until the drill has ended."""
    story = Story(as_json=as_json)
    with _stopped_by_signals():
        world = World(Place(folder.resolve()), port, story)
        try:
            _perform(world, story, browser=browser, drill=drill)
            if not leave:
                _tell_how_to_stop(story)
                _watch(world)
        except KeyboardInterrupt:
            if leave:
                raise
            story.say("stopping")
        finally:
            with _signals_ignored():
                world.stop()


def _perform(world: World, story: Story, *, browser: bool, drill: str | None) -> None:
    story.say("starting PostgreSQL, server and agent")
    world.start()
    _tell_where(world, story, browser=browser)
    device = world.wait_until_live()
    story.stage("joined", f"{device['name']} is live ({device['id']})")
    if drill == "disk":
        _play_disk(story, DiskDrill(world, story, device))
    elif drill == "forged":
        _play_forged(story, ForgedDrill(world, story, device))


def _play_forged(story: Story, drill: ForgedDrill) -> None:
    try:
        result = drill.play()
    except SerenoError as error:
        story.end({"drill": "forged", "ok": False, "why": error.line(), **drill.outcome()})
        raise
    story.say(f"{len(drill.attempts)} attempts, each refused by the device with its own code; 0 actions carried out")
    story.end(result)


def _play_disk(story: Story, drill: DiskDrill) -> None:
    try:
        drill.play()
    except SerenoError as error:
        missing = story.missing()
        story.end({"drill": "disk", "ok": False, "missing": missing, "why": error.line(), "stages": story.stages})
        remedy = f"{error.remedy}; see the demo's logs"
        raise SerenoError(error.code, f"the drill stopped before `{missing[0]}`: {error.what}", remedy) from error
    story.say(f"all {len(story.stages)} stages came true")
    story.end({"drill": "disk", "ok": True, "stages": story.stages})


def _tell_where(world: World, story: Story, *, browser: bool) -> None:
    link = world.login_link("noa")
    story.say(f"Console    {world.url}", url=world.url)
    story.say(f"Sign in    {link}   (once, within 15 minutes)", login_link=link)
    story.say(f"Approve    {world.approve_url}   (a page and a process of its own; make a passkey there)")
    story.say(f"Commands   .venv/bin/sereno devices | tickets | runs | approve   (settings: {world.place.cli_config})")
    story.say(
        f"Keys       {world.place.keys}: root, noa (technician), iker (approver), ane (registrar). In production the"
        " root key lies offline or in a token, and each person's keys on their own machine; none is on the server."
    )
    if browser:
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()


def _tell_how_to_stop(story: Story) -> None:
    story.say("Ctrl-C stops everything; the next start goes on with the same data.")


def _watch(world: World) -> None:
    """Returns never: a process that ends by itself ends the demo with its reason."""
    pause = threading.Event()
    while True:
        for name in ("server", "agent"):
            world.processes.require(name)
        pause.wait(LOOK_S)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGINT alike raise KeyboardInterrupt."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupt)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """While everything is being stopped a second Ctrl-C must not leave half of it running."""
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)

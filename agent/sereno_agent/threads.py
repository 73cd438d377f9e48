"""A few daemon threads for work that may block. One that never ends is given up, not waited for, also at exit."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Final, TypeVar

THREADS_MAX: Final = 8

T = TypeVar("T")


class Threads:
    """Starts threads as they are needed, at most so many, and uses idle ones again."""

    def __init__(self, threads_max: int = THREADS_MAX) -> None:
        self._threads_max = threads_max
        self._idle: list[queue.SimpleQueue[Callable[[], None]]] = []
        self._started = 0

    @property
    def available(self) -> bool:
        """Whether work would start at once."""
        return bool(self._idle) or self._started < self._threads_max

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Runs work in a thread; the future ends with what it gives or raises. Only while `available`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._idle:
            inbox = self._idle.pop()
        elif self._started < self._threads_max:
            inbox = queue.SimpleQueue()
            self._started += 1
            threading.Thread(target=_serve, args=(inbox,), name=f"collect-{self._started}", daemon=True).start()
        else:
            raise RuntimeError("no thread is free")

        def finish(result: T | None, error: BaseException | None) -> None:
            self._idle.append(inbox)
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def task() -> None:
            result: T | None = None
            error: BaseException | None = None
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001, handed to whoever waits
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended, nobody waits
                loop.call_soon_threadsafe(finish, result, error)

        inbox.put(task)
        return future


def _serve(inbox: "queue.SimpleQueue[Callable[[], None]]") -> None:
    while True:
        inbox.get()()

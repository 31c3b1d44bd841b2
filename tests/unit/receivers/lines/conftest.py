"""What the tests of the line receivers share: receivers that are started, threads that are waited for."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Consumer, Host
from beacon_core.receivers.lines import FileInputConfig, FileInputReceiver, LinesConfig, StdinReceiver

PATIENCE = 30.0


class Running:
    """A receiver whose `run` is in a thread of its own."""

    def __init__(self, receiver: StdinReceiver | FileInputReceiver, consumer: Consumer) -> None:
        self.receiver = receiver
        self._thread = threading.Thread(target=receiver.run, args=(consumer,), daemon=True)
        self._thread.start()

    def ended(self, timeout: float = PATIENCE) -> bool:
        self._thread.join(timeout)
        return not self._thread.is_alive()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.005)

    return wait


@pytest.fixture
def run_in_thread() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def run(receiver: StdinReceiver | FileInputReceiver, consumer: Consumer) -> Running:
        started.append(Running(receiver, consumer))
        return started[-1]

    yield run
    for running in started:
        running.receiver.shutdown(PATIENCE)
        assert running.ended()


@pytest.fixture
def pipe() -> Iterator[tuple[int, Any]]:
    """The end to read, a descriptor, and the end to write, an unbuffered file."""
    reading, writing = os.pipe()
    file = os.fdopen(writing, "wb", buffering=0)
    yield reading, file
    file.close()
    os.close(reading)


@pytest.fixture
def stdin_of() -> Callable[..., StdinReceiver]:
    """Make a started `stdin` receiver that reads another descriptor."""

    def make(fd: int, host: Host | None = None, **options: Any) -> StdinReceiver:
        receiver = StdinReceiver(LinesConfig(**options))
        receiver.fd = fd
        receiver.start(host or Host("stdin"))
        return receiver

    return make


@pytest.fixture
def file_input() -> Callable[..., FileInputReceiver]:
    """Make a started `file_input` receiver."""

    def make(*include: Path | str, host: Host | None = None, **options: Any) -> FileInputReceiver:
        receiver = FileInputReceiver(FileInputConfig(include=[str(path) for path in include], **options))
        receiver.start(host or Host("file_input"))
        return receiver

    return make

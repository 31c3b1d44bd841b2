"""What the tests of the `exec` receiver share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beacon_core import Consumer, Event, Host
from beacon_core.receivers.exec import ExecConfig, ExecReceiver
from beacon_core.testing import ListConsumer

PATIENCE = 60.0


class Running:
    """A receiver whose `run` is in a thread of its own."""

    def __init__(self, consumer: Consumer, host: Host, **options: Any) -> None:
        self.receiver = ExecReceiver(ExecConfig(**options))
        self.receiver.start(host)
        self._thread = threading.Thread(target=self.receiver.run, args=(consumer,), daemon=True)
        self._thread.start()

    def ended(self) -> bool:
        self._thread.join(PATIENCE)
        return not self._thread.is_alive()


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    """Start a receiver; it is ended with the test."""
    made: list[Running] = []

    def start(command: list[str], consumer: Consumer, host: Host | None = None, **options: Any) -> Running:
        made.append(Running(consumer, host or Host("exec"), command=command, **options))
        return made[-1]

    yield start
    for each in made:
        each.receiver.shutdown(10)
        assert each.ended()


@pytest.fixture
def events_of() -> Callable[..., list[Event]]:
    """Run a command to its end and return what was received."""

    def run(command: list[str], host: Host | None = None, **options: Any) -> list[Event]:
        consumer = ListConsumer()
        receiver = ExecReceiver(ExecConfig(command=command, **options))
        receiver.start(host or Host("exec"))
        receiver.run(consumer)
        receiver.shutdown(1)
        return list(consumer.events)

    return run

"""Which requests are stored together: clients that were answered a moment ago are waited for, but not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any, cast

import pytest

from beacon_core.component import Host
from beacon_core.event import Batch
from beacon_core.receivers.otlp.refusal import Refusals
from beacon_core.receivers.otlp.storing import LOOKS, PATIENCE, WORTHWHILE, Head, Outcome, Stored, Storing
from beacon_core.testing import ListConsumer

LOG = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"%d%s"}}]}]}]}'
HEAD = Head("/v1/logs", "json", gzip=False)


class Loop:
    """What `Storing` uses of an event loop, with a time that passes when it is told to."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.from_threads: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def call_later(self, delay: float, callback: Callable[..., object], *values: Any) -> Timer:
        assert delay == PATIENCE
        self.timers.append(Timer(self, lambda: callback(*values)))
        return self.timers[-1]

    def call_soon_threadsafe(self, callback: Callable[..., object], *values: Any) -> None:
        self.from_threads.put(lambda: callback(*values))

    def let_time_pass(self) -> None:
        """Let `PATIENCE` pass."""
        due, self.timers = self.timers, []
        for timer in due:
            timer.act()


class Timer:
    def __init__(self, loop: Loop, act: Callable[[], object]) -> None:
        self.loop, self.act = loop, act

    def cancel(self) -> None:
        if self in self.loop.timers:
            self.loop.timers.remove(self)


class Receiving(ListConsumer):
    """A `Storing` with clients that send and are answered; notes how many requests are stored together."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = Loop()
        host = Host("otlp")
        self.storing = Storing(cast("asyncio.AbstractEventLoop", self.loop), host, self, 10_000_000, Refusals(host))
        self.groups: list[int] = []
        self.sent = 0
        self.answers: list[Outcome] = []

    def consume_all(self, batches: Sequence[Batch]) -> None:
        self.groups.append(len(batches))
        super().consume_all(batches)

    def send(self, requests: int, *, padding: int = 0) -> None:
        for _ in range(requests):
            self.sent += 1
            self.storing.submit(HEAD, LOG % (self.sent, b"." * padding), self.answers.append)

    def finish_group(self) -> int:
        """Wait until the group under way is stored and answered; return how many requests it had."""
        before = len(self.answers)
        self.loop.from_threads.get(timeout=30)()
        assert len(self.answers) - before == self.groups[-1]
        return self.groups[-1]

    @property
    def waits(self) -> bool:
        """Whether a group waits for more."""
        return bool(self.loop.timers)


@pytest.fixture
def receiving() -> Iterator[Receiving]:
    receiving = Receiving()
    yield receiving
    receiving.storing.close()
    assert all(isinstance(answer, Stored) for answer in receiving.answers)
    assert not receiving.storing.busy


def test_clients_that_send_again_when_they_are_answered_become_one_group(receiving: Receiving) -> None:
    receiving.send(4)
    assert receiving.finish_group() == 1
    for _ in range(3):
        assert receiving.waits  # for the client that was answered
        receiving.send(1)
        assert receiving.finish_group() == 4
        receiving.send(3)
    receiving.send(1)
    assert receiving.finish_group() == 4


def test_one_client_waits_for_nobody(receiving: Receiving) -> None:
    for _ in range(3):
        receiving.send(1)
        assert not receiving.waits
        assert receiving.finish_group() == 1


def test_a_client_that_does_not_come_again_is_waited_for_once(receiving: Receiving) -> None:
    receiving.send(2)
    assert receiving.finish_group() == 1
    receiving.loop.let_time_pass()
    assert receiving.finish_group() == 1
    receiving.send(1)
    assert not receiving.waits
    assert receiving.finish_group() == 1


def test_clients_that_come_one_by_one_are_waited_for_a_limited_time(receiving: Receiving) -> None:
    receiving.send(20)
    receiving.finish_group()
    receiving.send(1)
    assert receiving.finish_group() == 20
    receiving.send(1)
    for _ in range(LOOKS - 1):
        receiving.send(1)
        receiving.loop.let_time_pass()
        assert receiving.waits
    receiving.send(1)
    receiving.loop.let_time_pass()
    assert receiving.finish_group() == LOOKS + 1


def test_a_group_that_is_worth_it_waits_for_nobody(receiving: Receiving) -> None:
    receiving.send(5)
    receiving.finish_group()
    assert receiving.waits
    receiving.send(1, padding=WORTHWHILE)
    assert receiving.finish_group() == 5

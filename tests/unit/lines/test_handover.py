"""Gathering events into batches, and waiting for a consumer that takes nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from beacon_core import Batch, Counters, Event, Host, QueueFullError, QueueUnavailableError
from beacon_core.lines.handover import MAX_BATCH_BYTES, Handover, Stop
from beacon_core.testing import ListConsumer, make_event

RECEIVER = "stdin"


class Refusing:
    """A consumer that raises each of its errors once, in order, and then takes everything."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tried: list[Batch] = []
        self.batches: list[Batch] = []

    def consume(self, batch: Batch) -> None:
        self.tried.append(batch)
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append(batch)


class Full:
    """A consumer that never takes anything."""

    def __init__(self, retry_after: float = 0.01) -> None:
        self.retry_after = retry_after
        self.tried = threading.Semaphore(0)

    def consume(self, batch: Batch) -> None:
        self.tried.release()
        raise QueueFullError("the queue is full", retry_after=self.retry_after)


def handover(consumer: Any, **options: Any) -> Handover:
    members: dict[str, Any] = {"host": Host(RECEIVER), "stop": Stop(), "nonce": b"nonce", "max_events": 100}
    return Handover(consumer, **members | options)


def nameless(number: int) -> Event:
    return make_event(number, id="")


def sizes(consumer: ListConsumer) -> list[int]:
    return [len(batch) for batch in consumer.batches]


def test_events_are_gathered_up_to_the_limit_of_events() -> None:
    consumer = ListConsumer()
    feed = handover(consumer, max_events=3)
    for number in range(7):
        feed.add(b"line", [nameless(number)])
    assert sizes(consumer) == [3, 3]
    feed.hand_over()
    feed.hand_over()
    assert sizes(consumer) == [3, 3, 1]
    assert [event.attributes["number"] for event in consumer.events] == list(range(7))


def test_the_events_of_one_line_are_spread_over_batches_of_the_limit() -> None:
    consumer = ListConsumer()
    feed = handover(consumer, max_events=3)
    feed.add(b"before", [nameless(0)])
    feed.add(b"line", [nameless(number) for number in range(1, 8)])
    feed.hand_over()
    assert sizes(consumer) == [3, 3, 2]
    assert len({event.id for event in consumer.events}) == 8


def test_events_are_gathered_up_to_the_limit_of_bytes() -> None:
    consumer = ListConsumer()
    feed = handover(consumer)
    feed.add(b"x", [nameless(0)])
    feed.add(b"x" * (MAX_BATCH_BYTES - 1), [nameless(1)])
    assert sizes(consumer) == [2]
    feed.add(b"x" * 10, [nameless(2)])
    feed.add(b"x" * MAX_BATCH_BYTES, [nameless(3)])
    assert sizes(consumer) == [2, 1, 1]


def test_ids_are_the_batchs_with_the_position_and_own_ids_stay_unless_they_repeat() -> None:
    consumer = ListConsumer()
    feed = handover(consumer)
    for event_id in ("", "mine", "mine", ""):
        feed.add(b"line", [make_event(id=event_id)])
    feed.hand_over()
    (batch,) = consumer.batches
    assert [event.id for event in batch] == [f"{batch.id}-0", "mine", f"{batch.id}-2", f"{batch.id}-3"]


def test_p5_the_same_line_again_is_no_repeated_request_in_this_run_or_the_next() -> None:
    consumer = ListConsumer()
    for nonce in (b"first", b"second"):
        feed = handover(consumer, nonce=nonce)
        for _ in range(2):
            feed.add(b"line", [nameless(0)])
            feed.hand_over()
    assert len({batch.id for batch in consumer.batches}) == 4


def test_a_full_queue_is_tried_again_with_the_same_batch() -> None:
    consumer = Refusing(QueueFullError("full", retry_after=0.0), QueueFullError("full", retry_after=0.02))
    feed = handover(consumer)
    feed.add(b"line", [nameless(0)])
    feed.hand_over()
    assert consumer.tried == [consumer.batches[0]] * 3


def test_a_queue_that_cannot_store_is_tried_again_and_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    broken = [QueueUnavailableError("no space left on the disk") for _ in range(2)]
    stop = Stop()
    consumer = Refusing(*broken)
    feed = handover(consumer, stop=stop)
    feed.add(b"line", [nameless(0)])
    stop.request(30.0)  # so that the first wait is short
    with caplog.at_level(logging.WARNING):
        feed.hand_over()
    assert len(consumer.batches) == 1
    assert [record.message for record in caplog.records] == [
        "reading waits until the queue can store again: no space left on the disk"
    ]


def test_a_stop_interrupts_the_wait_and_the_batch_is_tried_again(
    wait_until: Callable[[Callable[[], bool]], None],
) -> None:
    stop, consumer = Stop(), Refusing(QueueFullError("full", retry_after=3600))
    feed = handover(consumer, stop=stop)
    feed.add(b"line", [nameless(0)])
    thread = threading.Thread(target=feed.hand_over, daemon=True)
    thread.start()
    wait_until(lambda: len(consumer.tried) == 1)
    stop.request(3600.0)
    wait_until(lambda: len(consumer.batches) == 1)


def test_after_a_stop_a_full_queue_is_tried_until_the_deadline_and_the_loss_is_counted(
    caplog: pytest.LogCaptureFixture, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    stop, consumer, counters = Stop(), Full(), Counters()
    feed = handover(consumer, stop=stop, host=Host(RECEIVER, counters))
    feed.add(b"line", [nameless(0), nameless(1)])
    thread = threading.Thread(target=feed.hand_over, daemon=True)
    thread.start()
    for _ in range(3):
        assert consumer.tried.acquire(timeout=30)
    stop.request(0.1)
    wait_until(lambda: not thread.is_alive())
    assert counters.reasons("refused", RECEIVER) == {"queue_blocked": 2}
    assert "2 events were read but not stored" in caplog.text


def test_the_earliest_of_several_deadlines_counts() -> None:
    stop = Stop()
    stop.request(0.0)
    stop.request(3600.0)
    assert not stop.pause(3600.0)

"""The contract of processors, as a class of checks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

import msgspec
import pytest

from beacon_core.component import Component, Host
from beacon_core.event import Batch, encode_batch
from beacon_core.processor import Processor
from beacon_core.testing.component_contract import ComponentContract
from beacon_core.testing.samples import SAMPLE_VALUES, make_samples
from beacon_core.testing.watching import Call, bounded, require

_THREADS = 6
_ROUNDS = 10
_SWITCH_INTERVAL = 1e-5  # seconds; so that threads meet in the middle of a call


class ProcessorContract(ComponentContract):
    """What a processor promises.

    Derive from it in a test module and say how to make one:

        class TestMyProcessor(ProcessorContract):
            @pytest.fixture
            def processor(self):
                return MyProcessor(MyConfig(prefix="team."))

    `processor` is required, not started. `batch` is what it is tried with: events of every signal; override it where
    your processor only does something to special ones, such as events with an attribute of its own.

    Attributes:
        idempotent: whether processing what it has processed changes nothing more.
    """

    idempotent: ClassVar[bool] = True

    @pytest.fixture
    def processor(self) -> Processor:
        """The processor; not started."""
        raise NotImplementedError("override the fixture `processor`: return one that is not started")

    @pytest.fixture
    def batch(self) -> Batch:
        """Events that it changes, with resources and nested values that several of them share."""
        return make_samples(value={"a": [1, {"b": "text"}]}, resource={"service.name": "shared", "list": [1, {"a": 2}]})

    @pytest.fixture
    def component(self, processor: Processor) -> Component:
        return processor

    @pytest.fixture
    def started(self, processor: Processor) -> Iterator[Processor]:
        """The processor, started."""
        processor.start(Host("contract"))
        yield processor
        self.shut_down(processor)

    def process(self, processor: Processor, batch: Batch) -> Batch:
        """Process a batch, and fail if that does not end or gives no batch."""
        __tracebackhide__ = True
        result: object = bounded(lambda: processor.process(batch), self.patience, "process() does not return")
        if not isinstance(result, Batch):
            raise AssertionError(f"process() has to return a Batch, not {type(result).__name__}")  # noqa: TRY004
        return result

    def live(self, component: Component) -> None:
        component.start(Host("contract"))
        if isinstance(component, Processor):
            self.process(component, make_samples())
        self.shut_down(component)

    # ---- which events come out ----

    def test_events_keep_their_ids_and_none_is_added(self, started: Processor, batch: Batch) -> None:
        ids = [event.id for event in self.process(started, batch)]
        more = set(ids) - {event.id for event in batch}
        require(not more, f"ids that did not come in: {sorted(more)}; events keep theirs and none is added")
        require(len(ids) == len(set(ids)), "an event comes out more than once")

    def test_events_keep_their_order(self, started: Processor, batch: Batch) -> None:
        ids = [event.id for event in self.process(started, batch)]
        kept = set(ids)
        expected = [event.id for event in batch if event.id in kept]
        require(list(dict.fromkeys(i for i in ids if i in set(expected))) == expected, "events changed places")

    def test_p5_the_batch_keeps_its_id(self, started: Processor, batch: Batch) -> None:
        require(
            self.process(started, batch).id == batch.id, "return `batch.with_events(...)`: its id finds repetitions"
        )

    def test_an_empty_batch_stays_empty(self, started: Processor) -> None:
        require(len(self.process(started, Batch("empty", ()))) == 0, "an empty batch came out with events")

    # ---- what is in them ----

    @pytest.mark.parametrize("kind", SAMPLE_VALUES)
    def test_every_kind_of_value_is_processed_and_can_be_stored(self, started: Processor, kind: str) -> None:
        require_storable(self.process(started, make_samples(value=SAMPLE_VALUES[kind])))

    def test_events_without_attributes_resource_and_scope_are_processed(self, started: Processor) -> None:
        bare = make_samples(attributes={}, resource={}, scope=None, body=None, name="")
        require_storable(self.process(started, bare))

    def test_the_batch_that_came_in_is_left_as_it_was(self, started: Processor, batch: Batch) -> None:
        batches = [batch, *(make_samples(value=value) for value in SAMPLE_VALUES.values())]
        for each in batches:
            before = encode_batch(each)
            with suppress(Exception):  # what it cannot process is another check's to say
                started.process(each)
            require(
                encode_batch(each) == before,
                "process() changed the batch that came in; make new events, dicts and lists instead",
            )

    def test_the_same_batch_gives_the_same_result(self, started: Processor, batch: Batch) -> None:
        first, second = comparable(self.process(started, batch)), comparable(self.process(started, batch))
        require(first == second, "the same batch gave two results: process() depends on what it was called with before")

    def test_a_second_pass_changes_nothing(self, started: Processor, batch: Batch) -> None:
        if not self.idempotent:
            pytest.skip("`idempotent` is False")
        once = self.process(started, batch)
        require(
            comparable(self.process(started, once)) == comparable(once),
            "a second pass changed what the first made; if that is meant, set `idempotent = False`",
        )

    # ---- threads ----

    def test_several_threads_get_what_one_gets(self, started: Processor, batch: Batch) -> None:
        batches = [_renamed(batch, f"thread{number}") for number in range(_THREADS)]
        alone = [comparable(self.process(started, each)) for each in batches]
        together = threading.Barrier(_THREADS)

        def work(number: int) -> list[bytes]:
            together.wait(self.patience)
            return [comparable(started.process(batches[number])) for _ in range(_ROUNDS)]

        with _many_switches():
            calls = [Call(lambda number=number: work(number)) for number in range(_THREADS)]  # type: ignore[misc]
            results = [call.result(self.patience, "process() does not return") for call in calls]
        for expected, found in zip(alone, results, strict=True):
            require(
                all(each == expected for each in found),
                "process() gives other results when several threads call it: keep no state, or a lock around it",
            )


def comparable(batch: Batch) -> bytes:
    """Return the batch as bytes that are the same for the same events, in whatever order their maps are."""
    return msgspec.msgpack.encode(batch, order="deterministic")


def require_storable(batch: Batch) -> None:
    """Fail if a queue could not store the batch."""
    __tracebackhide__ = True
    try:
        encode_batch(batch)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise AssertionError(f"what process() returned cannot be stored: {error}") from error


def _renamed(batch: Batch, name: str) -> Batch:
    """Return the batch with ids of its own, so that a mix-up of two batches shows."""
    replace = msgspec.structs.replace
    return Batch(name, tuple(replace(event, id=f"{name}-{number}") for number, event in enumerate(batch)))


@contextmanager
def _many_switches() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)

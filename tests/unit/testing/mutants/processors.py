"""A processor that keeps its contract, and processors that break it in one way each. Run by test_contracts_catch.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from beacon_core import Batch, ComponentConfig, Event, Processor
from beacon_core.testing import ProcessorContract


class Mark(Processor):
    """Adds an attribute."""

    def process(self, batch: Batch) -> Batch:
        return batch.with_events([self.change(event) for event in batch])

    def change(self, event: Event) -> Event:
        return replace(event, attributes=event.attributes | {"marked": True})


class Contract(ProcessorContract):
    patience = 20.0
    breaks: ClassVar[tuple[str, ...]] = ()
    mark: ClassVar[type[Processor]] = Mark

    @pytest.fixture
    def processor(self) -> Processor:
        return self.mark(ComponentConfig())


class TestGood(Contract):
    pass


class TestReadsAFileInTheConstructor(Contract):
    breaks = ("test_the_constructor_only_stores",)

    class mark(Mark):  # noqa: N801 - the member's name, here and below
        def __init__(self, config: ComponentConfig) -> None:
            super().__init__(config)
            Path(__file__).read_text(encoding="utf-8")


class TestMayReadAFileInValidate(Contract):
    class mark(Mark):  # noqa: N801
        def validate(self) -> None:
            Path(__file__).read_text(encoding="utf-8")


class TestChangesAttributesInPlace(Contract):
    breaks = ("test_the_batch_that_came_in_is_left_as_it_was",)

    class mark(Mark):  # noqa: N801
        def change(self, event: Event) -> Event:
            event.attributes["marked"] = True
            return event


class TestChangesASharedListInPlace(Contract):
    breaks = ("test_the_batch_that_came_in_is_left_as_it_was",)

    class mark(Mark):  # noqa: N801
        def change(self, event: Event) -> Event:
            shared = event.resource.get("list")
            if isinstance(shared, list) and "marked" not in shared:
                shared.append("marked")
            return event


class TestGivesNewIds(Contract):
    breaks = ("test_events_keep_their_ids_and_none_is_added",)

    class mark(Mark):  # noqa: N801
        def process(self, batch: Batch) -> Batch:
            return batch.with_events([replace(event, id=f"{batch.id}/{n}") for n, event in enumerate(batch)])


class TestAddsAnEvent(Contract):
    breaks = ("test_events_keep_their_ids_and_none_is_added",)

    class mark(Mark):  # noqa: N801
        def process(self, batch: Batch) -> Batch:
            double = len({event.id for event in batch}) < len(batch)
            return batch if double else batch.with_events([*batch, *batch.events[:1]])


class TestMayLeaveEventsOut(Contract):
    class mark(Mark):  # noqa: N801
        def process(self, batch: Batch) -> Batch:
            return batch.with_events([event for event in batch if event.signal == "span"])


class TestSortsEvents(Contract):
    breaks = ("test_events_keep_their_order",)

    class mark(Mark):  # noqa: N801
        def process(self, batch: Batch) -> Batch:
            return batch.with_events(sorted(batch, key=lambda event: event.id, reverse=True))


class TestGivesTheBatchANewId(Contract):
    breaks = ("test_p5_the_batch_keeps_its_id",)

    class mark(Mark):  # noqa: N801
        def process(self, batch: Batch) -> Batch:
            return Batch("new", batch.events)


class TestCannotTakeAnEmptyBatch(Contract):
    breaks = ("test_an_empty_batch_stays_empty",)

    class mark(Mark):  # noqa: N801
        def process(self, batch: Batch) -> Batch:
            assert batch.events
            return super().process(batch)


class TestCannotTakeBytes(Contract):
    breaks = ("test_every_kind_of_value_is_processed_and_can_be_stored",)

    class mark(Mark):  # noqa: N801
        def change(self, event: Event) -> Event:
            assert not isinstance(event.attributes.get("sample.value"), bytes)
            return super().change(event)


class TestMakesWhatCannotBeStored(Contract):
    breaks = ("test_every_kind_of_value_is_processed_and_can_be_stored",)

    class mark(Mark):  # noqa: N801
        def change(self, event: Event) -> Event:
            value = event.attributes.get("sample.value")
            return replace(event, attributes={"next": value + 1}) if value == 2**64 - 1 else event


class TestNeedsAScope(Contract):
    breaks = ("test_events_without_attributes_resource_and_scope_are_processed",)

    class mark(Mark):  # noqa: N801
        def change(self, event: Event) -> Event:
            assert event.scope is not None
            return super().change(event)


class TestMarksAgainAndAgain(Contract):
    breaks = ("test_a_second_pass_changes_nothing",)

    class mark(Mark):  # noqa: N801
        def change(self, event: Event) -> Event:
            return replace(event, name=f"{event.name}!")


class TestMayMarkAgainAndAgainIfItSaysSo(TestMarksAgainAndAgain):
    idempotent = False
    breaks = ()


class TestCounts(Contract):
    breaks = (
        "test_the_same_batch_gives_the_same_result",
        "test_a_second_pass_changes_nothing",
        "test_several_threads_get_what_one_gets",
    )

    class mark(Mark):  # noqa: N801
        count = 0

        def process(self, batch: Batch) -> Batch:
            self.count += 1
            return super().process(batch)

        def change(self, event: Event) -> Event:
            return replace(event, attributes=event.attributes | {"batches": self.count})


class TestKeepsTheBatchInItself(Contract):
    breaks = ("test_several_threads_get_what_one_gets",)

    class mark(Mark):  # noqa: N801
        def process(self, batch: Batch) -> Batch:
            self.batch = batch
            time.sleep(0.0001)
            return super().process(self.batch)


class TestHangs(Contract):
    patience = 1.0
    breaks = ("test_every_kind_of_value_is_processed_and_can_be_stored",)

    class mark(Mark):  # noqa: N801
        def process(self, batch: Batch) -> Batch:
            if any("\x1b" in str(event.attributes.get("sample.value")) for event in batch):
                time.sleep(2)
            return super().process(batch)

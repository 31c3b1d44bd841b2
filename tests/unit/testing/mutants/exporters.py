"""An exporter that keeps its contract, and exporters that break it, each in one way. Run by test_contracts_catch.py.

How they live and deliver; `failing_exporters.py` has how they fail, and what they tell.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any, ClassVar

from beacon_core import Batch, ComponentConfig, Event, ExporterConfig, Host
from tests.unit.testing.sink import Sink, SinkConfig, SinkContract


class TestGood(SinkContract):
    pass


class TestGoodForLogsOnly(SinkContract):
    signals = ("log",)

    class sink(Sink):  # noqa: N801 - the member's name, here and below
        def write(self, events: tuple[Event, ...]) -> None:
            assert all(event.signal == "log" for event in events)
            super().write(events)


class TestOpensInTheConstructor(SinkContract):
    breaks = ("test_the_constructor_only_stores",)

    class sink(Sink):  # noqa: N801
        def __init__(self, config: SinkConfig) -> None:
            super().__init__(config)
            if config.path.parent.exists():
                config.path.touch()
                config.path.open("a").close()


class TestStartsAThreadInTheConstructor(SinkContract):
    breaks = ("test_the_constructor_only_stores",)

    class sink(Sink):  # noqa: N801
        def __init__(self, config: SinkConfig) -> None:
            super().__init__(config)
            threading.Thread(target=time.sleep, args=(1,), daemon=True).start()


class TestWritesInValidate(SinkContract):
    breaks = ("test_validate_changes_nothing",)

    class sink(Sink):  # noqa: N801
        def validate(self) -> None:
            self.config.path.open("a").close()


class TestDerivesItsOptionsFromTheWrongBase(SinkContract):
    breaks = ("test_its_options_are_a_config_class",)

    class sink(Sink):  # noqa: N801
        config_class = ComponentConfig


class TestDeclaresOtherOptionsThanItTakes(SinkContract):
    breaks = ("test_its_options_are_a_config_class",)

    class sink(Sink):  # noqa: N801
        class config_class(ExporterConfig):  # noqa: N801
            pass


class TestCannotBeShutDownUnstarted(SinkContract):
    breaks = ("test_it_can_be_shut_down_without_having_been_started",)

    class sink(Sink):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            self.link = object()

        def shutdown(self, timeout: float) -> None:
            assert self.link


class TestCannotBeShutDownTwiceUnstarted(SinkContract):
    breaks = ("test_it_can_be_shut_down_without_having_been_started",)

    class sink(Sink):  # noqa: N801
        started = ended = False

        def start(self, host: Host) -> None:
            super().start(host)
            self.started = True

        def shutdown(self, timeout: float) -> None:
            assert self.started or not self.ended
            self.ended = True


class TestCannotBeShutDownTwice(SinkContract):
    breaks = (
        "test_it_can_be_shut_down_twice",
        "test_export_after_shutdown_works_or_raises_a_declared_error",  # which shuts down again what that has opened
    )

    class sink(Sink):  # noqa: N801
        started = None

        def start(self, host: Host) -> None:
            super().start(host)
            self.started = True

        def shutdown(self, timeout: float) -> None:
            if self.started is False:
                raise RuntimeError("closed already")
            self.started = False if self.started else None


class TestCannotBeStartedAgain(SinkContract):
    breaks = ("test_it_can_be_started_again_after_shutdown",)

    class sink(Sink):  # noqa: N801
        ended = False

        def start(self, host: Host) -> None:
            super().start(host)
            assert not self.ended

        def shutdown(self, timeout: float) -> None:
            self.ended = True


class TestLeavesAThreadBehind(SinkContract):
    patience = 1.5
    breaks = ("test_nothing_stays_open_after_shutdown",)

    class sink(Sink):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            threading.Thread(target=time.sleep, args=(3,), daemon=True).start()


class TestKeepsItsFileOpen(SinkContract):
    patience = 1.5
    breaks = ("test_nothing_stays_open_after_shutdown",)
    kept: ClassVar[list[Any]] = []  # so that no warning tells either

    class sink(Sink):  # noqa: N801
        def write(self, events: tuple[Event, ...]) -> None:
            super().write(events)
            TestKeepsItsFileOpen.kept.append(self.config.path.open())


class TestHangsAfterShutdown(SinkContract):
    patience = 1.5
    breaks = ("test_export_after_shutdown_works_or_raises_a_declared_error",)

    class sink(Sink):  # noqa: N801
        ended = False

        def start(self, host: Host) -> None:
            super().start(host)
            self.ended = False

        def export(self, batch: Batch) -> None:
            if self.ended:
                time.sleep(5)
            super().export(batch)

        def shutdown(self, timeout: float) -> None:
            self.ended = True


class TestRaisesWhatPythonRaisesAfterShutdown(SinkContract):
    breaks = ("test_export_after_shutdown_works_or_raises_a_declared_error",)

    class sink(Sink):  # noqa: N801
        link: Any = None

        def start(self, host: Host) -> None:
            super().start(host)
            self.link = "open"

        def export(self, batch: Batch) -> None:
            self.link.upper()
            super().export(batch)

        def shutdown(self, timeout: float) -> None:
            self.link = None


class TestReturnsSomething(SinkContract):
    breaks = ("test_events_of_every_signal_are_exported",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> Any:
            super().export(batch)
            return True


class TestTakesFiftyEventsAtMost(SinkContract):
    breaks = ("test_events_of_every_signal_are_exported",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            assert len(batch) <= 50
            super().export(batch)


class TestNeedsTwoEvents(SinkContract):
    breaks = ("test_events_of_every_signal_are_exported",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            assert len(batch) >= 2
            super().export(batch)


class TestCannotWriteNumbersThatAreNone(SinkContract):
    breaks = ("test_every_kind_of_value_is_exported",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            for event in batch:
                json.dumps(event.attributes, allow_nan=False, default=str)
            super().export(batch)


class TestNeedsAResource(SinkContract):
    breaks = ("test_events_without_attributes_resource_and_scope_are_exported",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            assert all(event.resource["service.name"] for event in batch)
            super().export(batch)


class TestChangesTheBatch(SinkContract):
    breaks = ("test_export_leaves_the_batch_as_it_was",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            super().export(batch)
            for event in batch:
                event.attributes["sent"] = True


class TestDeliversTwice(SinkContract):
    breaks = ("test_p4_every_event_is_delivered_exactly_once",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            super().export(batch)
            super().export(batch)


class TestDeliversTheFirstBatchOnly(SinkContract):
    breaks = ("test_p4_every_event_is_delivered_exactly_once",)

    class sink(Sink):  # noqa: N801
        def write(self, events: tuple[Event, ...]) -> None:
            if not self.config.path.exists():
                super().write(events)


class TestDeliversWhatItHadOnceMore(SinkContract):
    breaks = ("test_p4_every_event_is_delivered_exactly_once",)

    class sink(Sink):  # noqa: N801
        had: tuple[Event, ...] = ()

        def write(self, events: tuple[Event, ...]) -> None:
            super().write(self.had + events)
            self.had = events


class TestDeliversAtShutdownOnly(SinkContract):
    breaks = ("test_p4_every_event_is_delivered_exactly_once",)

    class sink(Sink):  # noqa: N801
        events: tuple[Event, ...] = ()

        def write(self, events: tuple[Event, ...]) -> None:
            if not self.config.path.parent.exists():
                raise FileNotFoundError(2, "No such file or directory")
            self.events += events

        def shutdown(self, timeout: float) -> None:
            super().write(self.events) if self.events else None
            self.events = ()


class TestLeavesOutMetrics(SinkContract):
    breaks = ("test_p4_every_event_is_delivered_exactly_once",)

    class sink(Sink):  # noqa: N801
        def write(self, events: tuple[Event, ...]) -> None:
            super().write(tuple(event for event in events if event.metric is None))


class TestBelongsToTheThreadThatStartsIt(SinkContract):
    breaks = (
        "test_export_may_be_called_from_another_thread_than_start",
        "test_it_can_be_started_again_after_shutdown",  # the core exports from another thread, and so do these
        "test_export_after_shutdown_works_or_raises_a_declared_error",
        "test_events_of_every_signal_are_exported",
        "test_every_kind_of_value_is_exported",
        "test_events_without_attributes_resource_and_scope_are_exported",
        "test_p4_every_event_is_delivered_exactly_once",
        "test_p6_a_failure_is_told_by_a_declared_error",
        "test_p7_no_secret_in_errors_and_log",
        "test_nothing_stays_open_after_shutdown",
    )

    class sink(Sink):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            self.thread = threading.get_ident()

        def export(self, batch: Batch) -> None:
            if threading.get_ident() != self.thread:
                raise RuntimeError("wrong thread")
            super().export(batch)


class TestBelongsToTheFirstThreadThatExports(SinkContract):
    breaks = (
        "test_export_may_be_called_from_another_thread_than_start",
        "test_export_after_shutdown_works_or_raises_a_declared_error",
        "test_p4_every_event_is_delivered_exactly_once",  # the checks export from a new thread each time
    )

    class sink(Sink):  # noqa: N801
        thread: threading.Thread | None = None

        def start(self, host: Host) -> None:
            super().start(host)
            self.thread = None

        def export(self, batch: Batch) -> None:
            self.thread = self.thread or threading.current_thread()
            if threading.current_thread() is not self.thread:
                raise RuntimeError("wrong thread")
            super().export(batch)

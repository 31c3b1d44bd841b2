"""An exporter that keeps its contract, and exporters that break it, each in one way. Run by test_contracts_catch.py."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from beacon_core import (
    Batch,
    ComponentConfig,
    Event,
    Exporter,
    ExporterConfig,
    Host,
    PartialExportError,
    PermanentError,
    RetryableError,
    Secret,
)
from beacon_core.testing import ExporterContract

TOKEN = "FAKE" * 6


class SinkConfig(ExporterConfig):
    path: Path
    token: Secret = SecretStr(TOKEN)


class Sink(Exporter):
    """Appends ids to a file; without a folder for it, it fails."""

    config_class: ClassVar[type[ComponentConfig]] = SinkConfig
    config: SinkConfig

    def export(self, batch: Batch) -> None:
        try:
            self.write(batch.events)
        except OSError as error:
            raise self.failure(batch, error) from None

    def write(self, events: tuple[Event, ...]) -> None:
        with self.config.path.open("a") as file:
            file.writelines(f"{event.id}\n" for event in events)

    def failure(self, batch: Batch, error: OSError) -> Exception:
        return RetryableError(f"{len(batch)} events: {error.strerror}")


class Contract(ExporterContract):
    patience = 20.0
    breaks: ClassVar[tuple[str, ...]] = ()
    sink: ClassVar[type[Exporter]] = Sink

    @pytest.fixture
    def exporter(self, tmp_path: Path) -> Exporter:
        return self.sink(SinkConfig(path=tmp_path / "out"))

    @pytest.fixture
    def failing_exporter(self, tmp_path: Path) -> Exporter:
        return self.sink(SinkConfig(path=tmp_path / "missing" / "out"))

    @pytest.fixture
    def delivered(self, tmp_path: Path) -> Callable[[], list[str]]:
        out = tmp_path / "out"
        return lambda: out.read_text().split() if out.exists() else []


class TestGood(Contract):
    pass


class TestOpensInTheConstructor(Contract):
    breaks = ("test_the_constructor_only_stores",)

    class sink(Sink):  # noqa: N801 - the member's name, here and below
        def __init__(self, config: SinkConfig) -> None:
            super().__init__(config)
            if config.path.parent.exists():
                config.path.touch()
                config.path.open("a").close()


class TestStartsAThreadInTheConstructor(Contract):
    breaks = ("test_the_constructor_only_stores",)

    class sink(Sink):  # noqa: N801
        def __init__(self, config: SinkConfig) -> None:
            super().__init__(config)
            threading.Thread(target=time.sleep, args=(1,), daemon=True).start()


class TestWritesInValidate(Contract):
    breaks = ("test_validate_changes_nothing",)

    class sink(Sink):  # noqa: N801
        def validate(self) -> None:
            self.config.path.open("a").close()


class TestDerivesItsOptionsFromTheWrongBase(Contract):
    breaks = ("test_its_options_are_a_config_class",)

    class sink(Sink):  # noqa: N801
        config_class = ComponentConfig


class TestCannotBeShutDownUnstarted(Contract):
    breaks = ("test_it_can_be_shut_down_without_having_been_started",)

    class sink(Sink):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            self.link = object()

        def shutdown(self, timeout: float) -> None:
            assert self.link


class TestCannotBeShutDownTwice(Contract):
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


class TestCannotBeStartedAgain(Contract):
    breaks = ("test_it_can_be_started_again_after_shutdown",)

    class sink(Sink):  # noqa: N801
        ended = False

        def start(self, host: Host) -> None:
            super().start(host)
            assert not self.ended

        def shutdown(self, timeout: float) -> None:
            self.ended = True


class TestLeavesAThreadBehind(Contract):
    patience = 1.5
    breaks = ("test_nothing_stays_open_after_shutdown",)

    class sink(Sink):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            threading.Thread(target=time.sleep, args=(3,), daemon=True).start()


class TestHangsAfterShutdown(Contract):
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


class TestShowsItsTokenInItsRepr(Contract):
    breaks = ("test_p7_no_secret_in_what_it_shows_of_itself",)

    class sink(Sink):  # noqa: N801
        def __repr__(self) -> str:
            return f"Sink({self.config.token.get_secret_value()})"


class TestShowsItsTokenInAnError(Contract):
    breaks = ("test_p7_no_secret_in_errors_and_log",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            inner = PermanentError(f"refused {self.config.token.get_secret_value()}")
            return PartialExportError(dict.fromkeys((event.id for event in batch), inner))


class TestLogsItsToken(Contract):
    breaks = ("test_p7_no_secret_in_errors_and_log",)

    class sink(Sink):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            logging.getLogger("sink").debug("started", extra={"header": self.config.token.get_secret_value()})


class TestSwallowsErrors(Contract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            if self.config.path.parent.exists():
                super().export(batch)


class TestRaisesWhatTheSystemRaises(Contract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            return error


class TestNamesStrangersInAPartialError(Contract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            return PartialExportError({"0": PermanentError("position instead of id")})


class TestReturnsSomething(Contract):
    breaks = ("test_events_of_every_signal_are_exported",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> Any:
            super().export(batch)
            return True


class TestCannotWriteNumbersThatAreNone(Contract):
    breaks = ("test_every_kind_of_value_is_exported",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            for event in batch:
                json.dumps(event.attributes, allow_nan=False, default=str)
            super().export(batch)


class TestNeedsAResource(Contract):
    breaks = ("test_events_without_attributes_resource_and_scope_are_exported",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            assert all(event.resource["service.name"] for event in batch)
            super().export(batch)


class TestChangesTheBatch(Contract):
    breaks = ("test_export_leaves_the_batch_as_it_was",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            super().export(batch)
            for event in batch:
                event.attributes["sent"] = True


class TestChangesTheBatchAndFails(Contract):
    breaks = ("test_a_failed_export_leaves_the_batch_as_it_was",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            batch.events[0].resource["attempts"] = 1
            return super().failure(batch, error)


class TestDeliversTwice(Contract):
    breaks = ("test_p4_every_event_is_delivered_exactly_once",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            super().export(batch)
            super().export(batch)


class TestDeliversAtShutdownOnly(Contract):
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


class TestLeavesOutMetrics(Contract):
    breaks = ("test_p4_every_event_is_delivered_exactly_once",)

    class sink(Sink):  # noqa: N801
        def write(self, events: tuple[Event, ...]) -> None:
            super().write(tuple(event for event in events if event.metric is None))


class TestBelongsToTheThreadThatStartsIt(Contract):
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

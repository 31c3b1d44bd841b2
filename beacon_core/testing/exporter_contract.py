"""The contract of exporters, as a class of checks."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import ClassVar

import pytest

from beacon_core.component import Component, Host
from beacon_core.config import ComponentConfig, ExporterConfig
from beacon_core.errors import (
    BatchTooLargeError,
    BeaconError,
    ConfigurationError,
    PartialExportError,
    PermanentError,
    RetryableError,
)
from beacon_core.event import AttributeValue, Batch, Signal, encode_batch
from beacon_core.exporter import Exporter
from beacon_core.testing.component_contract import ComponentContract, require_no_secret
from beacon_core.testing.samples import SAMPLE_VALUES, SIGNALS, make_samples
from beacon_core.testing.watching import bounded, require

_DECLARED = (RetryableError, BatchTooLargeError, PermanentError, ConfigurationError)
_NAMES = "RetryableError, BatchTooLargeError, PartialExportError, PermanentError or ConfigurationError"


class ExporterContract(ComponentContract):
    """What an exporter promises.

    Derive from it in a test module and say how to make one:

        class TestMyExporter(ExporterContract):
            @pytest.fixture
            def exporter(self, server):
                return MyExporter(MyConfig(endpoint=server.url))

            @pytest.fixture
            def delivered(self, server):
                return lambda: [event["id"] for request in server.requests for event in json.loads(request.body)]

    `exporter` is required: not started, for a destination that works. `delivered` returns the ids of the events that
    have arrived, as often as each has; without it what needs it is skipped. `failing_exporter` is one for a destination
    that does not work, such as a `FaultyServer`; give its fixture `params` to try several faults.

    Attributes:
        signals: what it can deliver; the others are not tried.
    """

    base_config: ClassVar[type[ComponentConfig]] = ExporterConfig
    signals: ClassVar[tuple[Signal, ...]] = SIGNALS

    @pytest.fixture
    def exporter(self) -> Exporter:
        """An exporter for a destination that works; not started."""
        raise NotImplementedError("override the fixture `exporter`: return one that is not started")

    @pytest.fixture
    def delivered(self) -> Callable[[], Iterable[str]] | None:
        """What returns the ids of the events that have arrived; None if that cannot be known."""
        return None

    @pytest.fixture
    def failing_exporter(self) -> Exporter | None:
        """An exporter for a destination that does not work; not started. None if that cannot be had."""
        return None

    @pytest.fixture
    def component(self, exporter: Exporter) -> Component:
        return exporter

    @pytest.fixture
    def started(self, exporter: Exporter) -> Iterator[Exporter]:
        """The exporter, started."""
        exporter.start(Host("contract"))
        yield exporter
        self.shut_down(exporter)

    def samples(self, count: int = 5, *, name: str = "sample", value: AttributeValue = "plain text") -> Batch:
        """Return a batch with events of every signal that the exporter can deliver."""
        return make_samples(self.signals, count, id=name, value=value)

    def export(self, exporter: Exporter, batch: Batch) -> None:
        """Export a batch from another thread than this one, as the core does; fail if that does not end."""
        __tracebackhide__ = True
        bounded(lambda: exporter.export(batch), self.patience, "export() does not return; use a time-out")

    def failure(self, exporter: Exporter | None, batch: Batch) -> Exception | None:
        """Return what a destination that does not work makes the exporter raise, None if nothing."""
        if exporter is None:
            pytest.skip("override the fixture `failing_exporter` to check what it raises")
        try:
            self.live(exporter, batch)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - what it raises is what is checked
            self.shut_down(exporter)
            return error
        return None

    def live(self, component: Component, batch: Batch | None = None) -> None:
        require(isinstance(component, Exporter), "the fixture has to return an Exporter")
        component.start(Host("contract"))
        if isinstance(component, Exporter):
            self.export(component, batch or self.samples())
        self.shut_down(component)

    # ---- delivery ----

    @pytest.mark.parametrize("count", [1, 100])
    @pytest.mark.parametrize("signal", SIGNALS)
    def test_events_of_every_signal_are_exported(self, started: Exporter, signal: Signal, count: int) -> None:
        if signal not in self.signals:
            pytest.skip("not among its `signals`")
        batch = make_samples([signal], count)
        result: object = bounded(lambda: started.export(batch), self.patience, "export() does not return")
        require(result is None, "export() returns None; what went wrong is told by raising")

    @pytest.mark.parametrize("kind", SAMPLE_VALUES)
    def test_every_kind_of_value_is_exported(self, started: Exporter, kind: str) -> None:
        self.export(started, self.samples(value=SAMPLE_VALUES[kind]))

    def test_events_without_attributes_resource_and_scope_are_exported(self, started: Exporter) -> None:
        bare = make_samples(self.signals, attributes={}, resource={}, scope=None, body=None, name="")
        self.export(started, bare)

    def test_p4_every_event_is_delivered_exactly_once(
        self, started: Exporter, delivered: Callable[[], Iterable[str]] | None
    ) -> None:
        if delivered is None:
            pytest.skip("override the fixture `delivered` to check what arrives")
        batches = [self.samples(name="first"), self.samples(1, name="second")]
        for batch in batches:
            self.export(started, batch)
            arrived = Counter(delivered())
            missing = [event.id for event in batch if event.id not in arrived]
            require(not missing, f"export() returned before the destination had these events: {missing}")
        expected = Counter(event.id for batch in batches for event in batch)
        more = Counter(delivered()) - expected
        require(not more, f"delivered more often than exported: {dict(more)}")

    def test_export_leaves_the_batch_as_it_was(self, started: Exporter) -> None:
        for value in SAMPLE_VALUES.values():
            batch = self.samples(value=value)
            before = encode_batch(batch)
            with suppress(Exception):  # what it cannot export is another check's to say
                started.export(batch)
            require(encode_batch(batch) == before, "export() changed the batch; other exporters and retries share it")

    # ---- failures ----

    def test_p6_a_failure_is_told_by_a_declared_error(self, failing_exporter: Exporter | None) -> None:
        batch = self.samples()
        error = self.failure(failing_exporter, batch)
        require(error is not None, f"export() returned although the destination fails: raise {_NAMES}")
        if error is not None:
            require_declared(error, batch)

    def test_a_failed_export_leaves_the_batch_as_it_was(self, failing_exporter: Exporter | None) -> None:
        batch = self.samples()
        before = encode_batch(batch)
        self.failure(failing_exporter, batch)
        require(encode_batch(batch) == before, "export() changed the batch before it failed; it will be tried again")

    def test_p7_no_secret_in_errors_and_log(
        self,
        exporter: Exporter,
        failing_exporter: Exporter | None,
        secrets: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        self.live(exporter)
        error = self.failure(failing_exporter, self.samples()) if failing_exporter else None
        for each in [error, *(error.failed.values() if isinstance(error, PartialExportError) else ())]:
            shown = "".join(traceback.format_exception(each)) + repr(each) if each else ""
            require_no_secret(secrets, shown, "an error, its repr() or what it was raised from")
        logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
        require_no_secret(secrets, logged + caplog.text, "a log record")

    # ---- lifecycle ----

    def test_export_may_be_called_from_another_thread_than_start(self, exporter: Exporter) -> None:
        bounded(lambda: exporter.start(Host("contract")), self.patience, "start() does not return")
        self.export(exporter, self.samples(name="one"))
        exporter.export(self.samples(name="another"))
        self.shut_down(exporter)

    def test_it_can_be_started_again_after_shutdown(self, exporter: Exporter) -> None:
        self.live(exporter, self.samples(name="first"))
        self.live(exporter, self.samples(name="second"))

    def test_export_after_shutdown_works_or_raises_a_declared_error(self, exporter: Exporter) -> None:
        self.live(exporter, self.samples(name="first"))
        batch = self.samples(name="late")
        try:
            self.export(exporter, batch)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - what it raises is what is checked
            require_declared(error, batch)
        finally:
            self.shut_down(exporter)


def require_declared(error: Exception, batch: Batch) -> None:
    """Fail if an exporter may not raise an error for a batch."""
    __tracebackhide__ = True
    if isinstance(error, PartialExportError):
        strangers = set(error.failed) - {event.id for event in batch}
        require(not strangers, f"PartialExportError names events that are not in the batch: {sorted(strangers)}")
        require(error.failed, "PartialExportError names no event: return instead")
        for each in error.failed.values():
            require(isinstance(each, _DECLARED), f"PartialExportError holds {type(each).__name__}, not one of {_NAMES}")
        return
    what = "is not precise enough" if isinstance(error, BeaconError) else "is taken for a bug of the exporter"
    require(isinstance(error, _DECLARED), f"{type(error).__name__} {what}; raise {_NAMES}")

"""More exporters that break their contract: how they fail, and what they tell. Run by test_contracts_catch.py."""

from __future__ import annotations

import base64
import logging
import time
from urllib.parse import quote

import pytest
from pydantic import Field, SecretStr, field_serializer

from beacon_core import (
    Batch,
    ComponentConfig,
    Event,
    ExportError,
    Host,
    PartialExportError,
    PermanentError,
    RetryableError,
    Secret,
)
from tests.unit.testing.sink import TOKEN, Sink, SinkConfig, SinkContract


class TestGood(SinkContract):
    pass


class TestGoodAndNoMoreIsKnown(SinkContract):
    """Without a destination that fails, and without a look at what arrives."""

    @pytest.fixture
    def failing_exporter(self) -> None:
        return None

    @pytest.fixture
    def delivered(self) -> None:
        return None


# ---- errors ----


class TestSwallowsErrors(SinkContract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801 - the member's name, here and below
        def export(self, batch: Batch) -> None:
            if self.config.path.parent.exists():
                super().export(batch)


class TestRaisesWhatTheSystemRaises(SinkContract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            return error


class TestRaisesAnErrorThatSaysTooLittle(SinkContract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            return ExportError("it did not work")


class TestNamesStrangersInAPartialError(SinkContract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            return PartialExportError({"0": PermanentError("position instead of id")})


class TestNamesNoEventInAPartialError(SinkContract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            return PartialExportError({})


class TestPutsWhatTheSystemRaisesIntoAPartialError(SinkContract):
    breaks = ("test_p6_a_failure_is_told_by_a_declared_error",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            return PartialExportError({event.id: error for event in batch})


class TestWaitsForADestinationThatDoesNotWork(SinkContract):
    patience = 1.5
    breaks = (
        "test_p6_a_failure_is_told_by_a_declared_error",
        "test_a_failed_export_leaves_the_batch_as_it_was",
        "test_p7_no_secret_in_errors_and_log",
    )

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            time.sleep(3)
            return super().failure(batch, error)


class TestChangesTheBatchAndFails(SinkContract):
    breaks = ("test_a_failed_export_leaves_the_batch_as_it_was",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            batch.events[0].resource["attempts"] = 1
            return super().failure(batch, error)


# ---- secrets ----


class TestShowsItsTokenInItsRepr(SinkContract):
    breaks = ("test_p7_no_secret_in_what_it_shows_of_itself",)

    class sink(Sink):  # noqa: N801
        def __repr__(self) -> str:
            return f"Sink({self.config.token.get_secret_value()})"

        def __str__(self) -> str:
            return "Sink"


class TestShowsItsTokenAsText(SinkContract):
    breaks = ("test_p7_no_secret_in_what_it_shows_of_itself",)

    class sink(Sink):  # noqa: N801
        def __str__(self) -> str:
            return f"Sink({self.config.token.get_secret_value()})"


class TestShowsItsTokenInTheTextOfItsOptions(SinkContract):
    breaks = ("test_p7_no_secret_in_what_it_shows_of_itself",)

    class options(SinkConfig):  # noqa: N801
        def __str__(self) -> str:
            return f"token={self.token.get_secret_value()}"


class TestWritesItsTokenIntoItsOptions(SinkContract):
    breaks = ("test_p7_no_secret_in_what_it_shows_of_itself",)

    class options(SinkConfig):  # noqa: N801
        @field_serializer("token")
        def plain(self, token: SecretStr) -> str:
            return token.get_secret_value()


class Gateway(ComponentConfig):
    headers: dict[str, list[Secret]] = Field(default_factory=lambda: {"X-Key": [SecretStr("FAKE-header")]})


class TestShowsASecretWithinItsOptions(SinkContract):
    breaks = ("test_p7_no_secret_in_what_it_shows_of_itself",)

    class options(SinkConfig):  # noqa: N801
        gateway: Gateway = Field(default_factory=Gateway)

        def __repr__(self) -> str:
            return "gateway: " + self.gateway.headers["X-Key"][0].get_secret_value()


class TestShowsItsTokenInAnError(SinkContract):
    breaks = ("test_p7_no_secret_in_errors_and_log",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            inner = PermanentError(f"refused {self.config.token.get_secret_value()}")
            return PartialExportError(dict.fromkeys((event.id for event in batch), inner))


class TestShowsItsTokenInTheCauseOfAnError(SinkContract):
    breaks = ("test_p7_no_secret_in_errors_and_log",)

    class sink(Sink):  # noqa: N801
        def export(self, batch: Batch) -> None:
            try:
                self.write(batch.events)
            except OSError:
                raise RetryableError("refused") from ValueError(f"Bearer {TOKEN}")


class TestShowsItsTokenInTheReprOfAnError(SinkContract):
    breaks = ("test_p7_no_secret_in_errors_and_log",)

    class sink(Sink):  # noqa: N801
        def failure(self, batch: Batch, error: OSError) -> Exception:
            return RefusedError("refused")


class RefusedError(RetryableError):
    def __repr__(self) -> str:
        return f"RefusedError({TOKEN})"


class TestLogsItsToken(SinkContract):
    breaks = ("test_p7_no_secret_in_errors_and_log",)

    class sink(Sink):  # noqa: N801
        def start(self, host: Host) -> None:
            super().start(host)
            logging.getLogger("sink").debug("started", extra={"header": self.config.token.get_secret_value()})


class TestLogsItsTokenInAUrl(SinkContract):
    breaks = ("test_p7_no_secret_in_errors_and_log",)

    class sink(Sink):  # noqa: N801
        def write(self, events: tuple[Event, ...]) -> None:
            super().write(events)
            logging.getLogger("sink").info("POST /events?token=%s", quote(TOKEN, safe=""))


class TestLogsItsTokenInBase64(SinkContract):
    breaks = ("test_p7_no_secret_in_errors_and_log",)

    class sink(Sink):  # noqa: N801
        def write(self, events: tuple[Event, ...]) -> None:
            super().write(events)
            logging.getLogger("sink").info("Authorization: Basic %s", base64.b64encode(TOKEN.encode()).decode())

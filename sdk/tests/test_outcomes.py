"""[T3] What an exception or an exit code says about how a command ended; it always goes on to whoever called."""

from __future__ import annotations

import asyncio
import urllib.error
from typing import Any

import pytest

from beacon_track import Telemetry, outcomes


class Response:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


class HttpError(Exception):
    """As those of requests and httpx."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.response = Response(status)


class Abort(RuntimeError):  # noqa: N818
    """As click's."""


class UsageError(Exception):
    """As click's."""

    exit_code = 2


class ReadTimeout(TimeoutError):  # noqa: N818
    """A subclass, as that of requests."""


class NotLoggedInError(Exception):
    """The application's own."""


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (None, "success", 0),
        (SystemExit(), "success", 0),
        (SystemExit(0), "success", 0),
        (SystemExit(False), "success", 0),
        (SystemExit(1), "error", 1),
        (SystemExit(2), "validation_error", 2),
        (SystemExit(77), "auth_required", 77),
        (SystemExit(124), "timeout", 124),
        (SystemExit(130), "cancelled", 130),
        (SystemExit(143), "cancelled", 143),
        (SystemExit(256 + 3), "error", 3),
        (SystemExit("message"), "error", 1),
        (KeyboardInterrupt(), "cancelled", 130),
        (Abort(), "cancelled", 1),
        (asyncio.CancelledError(), "cancelled", 1),
        (BrokenPipeError(), "cancelled", 1),
        (UsageError(), "validation_error", 2),
        (TimeoutError(), "timeout", 1),
        (ReadTimeout(), "timeout", 1),
        (ConnectionRefusedError(), "api_error", 1),
        (HttpError(401), "auth_required", 1),
        (HttpError(403), "auth_required", 1),
        (HttpError(408), "timeout", 1),
        (HttpError(422), "validation_error", 1),
        (HttpError(500), "api_error", 1),
        (urllib.error.HTTPError("http://x.example", 503, "", {}, None), "api_error", 1),  # type: ignore[arg-type]
        (NotLoggedInError(), "auth_required", 1),
        (ValueError(), "crash", 1),
        (RecursionError(), "crash", 1),
    ],
    ids=repr,
)
def test_t3_what_leaves_a_command_says_how_it_ended(error: BaseException | None, outcome: str, code: int) -> None:
    assert outcomes.classify(error, {NotLoggedInError: "auth_required"}) == (outcome, code)


def test_t3_the_outcomes_are_these() -> None:
    named = {"success", "cancelled", "auth_required", "validation_error", "api_error", "timeout", "error", "crash"}
    assert named == outcomes.OUTCOMES


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(7), GeneratorExit()])
@pytest.mark.usefixtures("here")
def test_t3_the_exception_itself_goes_on(error: BaseException) -> None:
    one = Telemetry(app="acme", version="1")
    with pytest.raises(type(error)) as caught, one.track("x"), one.step("y"):
        raise error
    assert caught.value is error
    assert error.__context__ is None


def test_t3_an_exception_that_the_application_catches_is_an_error_and_no_crash(here: Any) -> None:
    one = Telemetry(app="acme", version="1")
    with pytest.raises(ValueError, match="x"), one.track("x"):
        raise ValueError("x")
    one.close()
    (record,) = here.records()
    assert (record["attributes"]["beacon.outcome"], record["attributes"]["error.type"]) == ("error", "ValueError")


def test_t3_the_code_may_know_better(here: Any) -> None:
    one = Telemetry(app="acme", version="1")
    with one.track("x") as command:
        command.exit_code = 77
    with one.track("y") as command:
        command.outcome = "api_error"
    one.close()
    ends = [(r["attributes"]["beacon.outcome"], r["attributes"]["process.exit.code"]) for r in here.records()]
    assert ends == [("auth_required", 77), ("api_error", 0)]

"""Codes 24 and 25: delivered, and slower from then on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from beacon_core import RetryableError
from beacon_core.testing import make_batch
from beacon_splunk.exporter import SplunkHecExporter
from beacon_splunk.pace import RECOVERY, Pace
from plugins.splunk.tests.hec_server import HecServer, reply

Start = Callable[..., SplunkHecExporter]
TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"


def test_requests_are_not_held_up_as_a_rule() -> None:
    waits: list[float] = []
    pace = Pace(2, waits.append)
    with pace.turn(), pace.turn():
        pass
    assert waits == []


def test_after_a_slow_down_each_request_waits_until_ten_went_well() -> None:
    waits: list[float] = []
    pace = Pace(1, waits.append, pause=7.0)
    pace.slow_down()
    for _ in range(RECOVERY + 3):
        with pace.turn():
            pass
        pace.plain_success()
    assert waits == [7.0] * RECOVERY
    assert not pace.slow


def test_a_new_slow_down_begins_to_count_anew() -> None:
    pace = Pace(1, lambda _seconds: None)
    pace.slow_down()
    for _ in range(RECOVERY - 1):
        pace.plain_success()
    pace.slow_down()
    pace.plain_success()
    assert pace.slow


@pytest.mark.parametrize(("in_flight", "allowed"), [(1, 1), (3, 1), (4, 2), (9, 4)])
def test_half_as_many_at_the_same_time(in_flight: int, allowed: int) -> None:
    meet = threading.Barrier(allowed)  # passed only if as many as are allowed are inside
    most = 0

    def linger(_seconds: float) -> None:
        nonlocal most
        most = max(most, pace._under_way)
        meet.wait(20)
        time.sleep(0.01)  # whoever else may come in has the time to

    pace = Pace(in_flight, linger)
    pace.slow_down()

    def request() -> None:
        with pace.turn():
            pass

    threads = [threading.Thread(target=request) for _ in range(allowed * 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == allowed


def test_whoever_waits_goes_on_when_it_is_over() -> None:
    pace = Pace(2, lambda _seconds: None)
    pace.slow_down()
    passed = threading.Event()

    def second() -> None:
        with pace.turn():
            passed.set()

    with pace.turn():
        thread = threading.Thread(target=second)
        thread.start()
        for _ in range(RECOVERY):
            pace.plain_success()
        assert passed.wait(20)
    thread.join(20)


@pytest.mark.parametrize("code", [24, 25])
def test_p3_codes_24_and_25_are_delivery_and_slow_the_next_ten_requests_down(
    hec: HecServer, start: Start, code: int
) -> None:
    waits: list[float] = []
    exporter = start()
    exporter._pace = Pace(1, waits.append)
    hec.losing = [reply(code, status=200)]
    for number in range(RECOVERY + 2):
        exporter.export(make_batch(1, id=f"b{number}"))
    assert waits == [1.0] * RECOVERY
    assert hec.ids == [f"b{number}-0" for number in range(RECOVERY + 2)]
    assert exporter.host.counters.get("slowed_down", "splunk_hec") == 1


def test_a_shutdown_ends_the_wait_and_nothing_was_sent(hec: HecServer, start: Start) -> None:
    exporter = start()
    exporter.export(make_batch())
    waiting = threading.Event()

    def wait(_seconds: float) -> None:
        waiting.set()
        exporter._closing.wait()

    exporter._pace = Pace(1, wait)
    exporter._pace.slow_down()
    errors: list[Exception] = []

    def deliver() -> None:
        try:
            exporter.export(make_batch(id="late"))
        except Exception as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    thread = threading.Thread(target=deliver)
    thread.start()
    assert waiting.wait(20)
    exporter.shutdown(1)
    thread.join(20)
    assert len(errors) == 1
    assert not (isinstance(errors[0], RetryableError) and errors[0].ambiguous)
    assert hec.ids == ["test-0"]

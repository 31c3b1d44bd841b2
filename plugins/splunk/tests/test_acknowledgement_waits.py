"""How long acknowledgements are waited for between two questions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import pytest

from beacon_core import Host, HttpAnswer
from beacon_core.testing import make_batch
from beacon_splunk.acknowledgements import Accepted, Acknowledgements
from beacon_splunk.config import AcknowledgementOptions
from beacon_splunk.encoding import Record
from beacon_splunk.exporter import SplunkHecExporter
from plugins.splunk.tests.hec_server import HecServer, reply

Start = Callable[..., SplunkHecExporter]
TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"


def pauses(count: int, *, hurry: bool = False, **options: Any) -> list[float]:
    acknowledgements = Acknowledgements(
        AcknowledgementOptions.model_validate(options), lambda _: HttpAnswer(500), "", threading.Event(), Host("x")
    )
    return list(islice(acknowledgements._pauses(hurry=hurry), count))


def test_the_waits_between_questions_grow_to_ten_seconds() -> None:
    assert pauses(6) == [1, 2, 4, 8, 10, 10]
    assert pauses(3, query_interval="1500ms") == [1, 1.5, 1.5]
    assert pauses(2, query_interval="10ms") == [0.01, 0.01]


def test_code_25_asks_every_second() -> None:
    assert pauses(5, hurry=True) == [1] * 5


class Waits(threading.Event):
    """Notes how long it would be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return False


@pytest.mark.parametrize(("hurry", "seconds"), [(False, [1, 2, 7, 8]), (True, [1, 1, 7, 1])])
def test_an_answer_that_asks_for_patience_gets_it(hurry: bool, seconds: list[float]) -> None:
    waits = Waits()
    said = [HttpAnswer(200, b'{"acks":{"0":false}}'), HttpAnswer(503, b"", 7.0), HttpAnswer(200, b'{"acks":{}}')]
    answers = [*said, HttpAnswer(200, b'{"acks":{"0":true}}')]
    acknowledgements = Acknowledgements(AcknowledgementOptions(), lambda _: answers.pop(0), "", waits, Host("x"))
    assert acknowledgements.wait([Accepted([Record("e", None, 1, 2)], 0, hurry)]) == {}
    assert waits.seconds == seconds


@pytest.mark.parametrize(("code", "hurry"), [(0, False), (24, False), (25, True)])
def test_code_25_is_a_reason_to_hurry(hec: HecServer, start: Start, code: int, hurry: bool) -> None:
    noted: list[Accepted] = []

    class Noting(Acknowledgements):
        def wait(self, accepted: Sequence[Accepted]) -> dict[str, Exception]:
            noted.extend(accepted)
            return {}

    exporter = start()
    exporter._acknowledgements = Noting(AcknowledgementOptions(), exporter._ask, "", threading.Event(), exporter.host)
    hec.losing = [reply(code, status=200, ackId=3)]
    exporter.export(make_batch())
    assert [(each.number, each.hurry) for each in noted] == [(3, hurry)]

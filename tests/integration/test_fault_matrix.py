"""What goes wrong at a destination, for each exporter that speaks HTTP: what is resent, kept and given up."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch, BatchOptions, ComponentConfig, Consumer, Exporter, Receiver, RetryOptions
from beacon_core.config import PipelineOptions
from beacon_core.loader import Graph
from beacon_core.plugins import load
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.service import ExporterReceipt, Service
from beacon_core.testing import FaultyServer, Request, Step, make_batch

EVENTS = 20
FAST: dict[str, Any] = {
    "timeout": 0.3,
    "retry_on_failure": RetryOptions(initial_interval=0.001, max_interval=0.01, hold_interval=0.02),
    "batch": BatchOptions(timeout=0.01),
}
TOKENS = {"splunk_hec": "FAKE-token-0000", "datadog": "FAKEFAKEFAKEFAKE"}
GOOD = {"splunk_hec": Step(body=b'{"text":"Success","code":0}'), "datadog": Step(status=202)}
NUMBER = re.compile(rb"event (\d+)")


class Twenty(Receiver):
    """Hands over twenty events and ends."""

    def run(self, consumer: Consumer) -> None:
        consumer.consume(make_batch(EVENTS, id="b"))


def numbers(request: Request) -> list[int]:
    """Return which of the events a request carries."""
    return [int(number) for number in NUMBER.findall(request.body)]


@dataclass
class Fault:
    """A fault of a destination, and what is to become of twenty events.

    Attributes:
        answer: decides about a request, given how many there were before; None is success.
        expected: figures of the receipt that differ from everything being delivered.
    """

    answer: Callable[[Request, int], Step | None]
    expected: dict[str, dict[str, int]] = field(default_factory=dict)
    drain: float | None = None


def once(step: Step) -> Callable[[Request, int], Step | None]:
    return lambda _request, before: step if before == 0 else None


def always(step: Step) -> Callable[[Request, int], Step | None]:
    return lambda _request, _before: step


def when(condition: Callable[[Request], bool], step: Step) -> Callable[[Request, int], Step | None]:
    return lambda request, _before: step if condition(request) else None


def both(**figures: int) -> dict[str, dict[str, int]]:
    return {"splunk_hec": figures, "datadog": figures}


AMBIGUOUS = both(possibly_duplicated=EVENTS)
KEPT = both(delivered=0, queued=EVENTS)
LOST = both(delivered=0, dead_lettered=EVENTS)
ONE_BAD = both(delivered=EVENTS - 1, dead_lettered=1)
BAD = "event 7"


def has_bad(request: Request) -> bool:
    return 7 in numbers(request)


FAULTS = {
    "429": Fault(once(Step(status=429, headers={"Retry-After": "0"}))),
    "503": Fault(once(Step(status=503)), {"datadog": {"possibly_duplicated": EVENTS}}),
    "500": Fault(once(Step(status=500)), AMBIGUOUS),
    "502 of a proxy in HTML": Fault(once(Step(status=502, body=b"<html>bad gateway</html>")), AMBIGUOUS),
    "408": Fault(once(Step(status=408)), AMBIGUOUS),
    "connection reset after sending": Fault(once(Step(fault="reset")), AMBIGUOUS),
    "connection closed without an answer": Fault(once(Step(fault="close")), AMBIGUOUS),
    "half an answer": Fault(once(Step(fault="half", body=b"x" * 100)), AMBIGUOUS),
    "no answer in time": Fault(once(Step(fault="hang")), AMBIGUOUS),
    "ten failures in a row": Fault(lambda _r, before: Step(status=429) if before < 10 else None),
    "401": Fault(always(Step(status=401)), KEPT, drain=0.2),
    "403": Fault(always(Step(status=403)), KEPT, drain=0.2),
    "404": Fault(always(Step(status=404)), KEPT, drain=0.2),
    "redirect": Fault(always(Step(status=307, headers={"Location": "/elsewhere"})), KEPT, drain=0.2),
    "a refused token that is accepted later": Fault(lambda _r, before: Step(status=403) if before < 3 else None),
    "413 above five events": Fault(when(lambda r: len(numbers(r)) > 5, Step(status=413))),
    "413 always": Fault(always(Step(status=413, body=b"<html>too large</html>")), LOST),
    "413 for one event": Fault(when(has_bad, Step(status=413)), ONE_BAD),
    "400 for one event": Fault(when(has_bad, Step(status=400, body=b"<html>bad request</html>")), ONE_BAD),
    "down for the whole run": Fault(always(Step(status=429)), KEPT, drain=0.2),
}


def exporter(type_name: str, url: str, **more: Any) -> Exporter:
    options = {
        "splunk_hec": {"endpoint": url, "token": TOKENS["splunk_hec"]},
        "datadog": {"api": {"key": TOKENS["datadog"], "site": "datadoghq.eu"}, "logs": {"endpoint": url}},
    }[type_name]
    component = load("exporters", type_name)
    made = component(component.config_class.model_validate(options | FAST | more))
    assert isinstance(made, Exporter)
    return made


def run(made: Exporter, folder: Path, drain: float | None = None, receiver: Receiver | None = None) -> ExporterReceipt:
    graph = Graph(
        receivers={"in": receiver or Twenty(ComponentConfig())},
        processors={},
        exporters={"out": made},
        exporter_configs={"out": made.config},  # type: ignore[dict-item]
        queue=SqliteQueue(SqliteQueue.config_class(path=folder / "queue.db")),
        pipelines={"p": PipelineOptions(receivers=["in"], exporters=["out"])},
    )
    receipt = Service(graph, drain_timeout=drain).run()
    assert receipt.balanced
    return receipt.exporters["out"]


@pytest.mark.parametrize("type_name", ["splunk_hec", "datadog"])
@pytest.mark.parametrize("fault", FAULTS)
def test_p3_p6_a_fault_costs_what_the_table_says(
    tmp_path: Path, type_name: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    row, arrived = FAULTS[fault], []

    def answer(request: Request) -> Step:
        step = row.answer(request, len(server.requests) - 1)
        if step is None:
            arrived.extend(numbers(request))
            return GOOD[type_name]
        return step

    with FaultyServer(answer) as server:
        receipt = run(exporter(type_name, server.url), tmp_path, row.drain)
    expected = {"delivered": EVENTS, "dead_lettered": 0, "queued": 0, "possibly_duplicated": 0}
    found = {name: getattr(receipt, name) for name in expected}
    assert found == expected | row.expected.get(type_name, {})
    assert len(arrived) == len(set(arrived)) == receipt.delivered  # each that counts as delivered came once
    assert TOKENS[type_name] not in caplog.text


def test_p6_splunks_number_of_the_bad_event_saves_the_others_from_being_sent_twice(tmp_path: Path) -> None:
    stored: list[int] = []

    def answer(request: Request) -> Step:
        carried = numbers(request)
        if 7 not in carried:
            stored.extend(carried)
            return GOOD["splunk_hec"]
        place = carried.index(7)
        stored.extend(carried[:place])
        refusal = {"text": "Event field is required", "code": 12, "invalid-event-number": place}
        return Step(status=400, body=json.dumps(refusal).encode())

    with FaultyServer(answer) as server:
        receipt = run(exporter("splunk_hec", server.url), tmp_path)
        assert [numbers(request) for request in server.requests] == [list(range(20)), list(range(8, 20))]
    assert stored == [n for n in range(20) if n != 7]
    assert (receipt.delivered, receipt.dead_lettered, receipt.possibly_duplicated) == (19, 1, 0)


@pytest.mark.parametrize("type_name", ["splunk_hec", "datadog"])
def test_p3_a_run_after_a_failed_one_delivers_what_was_kept(tmp_path: Path, type_name: str) -> None:
    with FaultyServer(lambda _request: Step(status=403)) as server:
        first = run(exporter(type_name, server.url), tmp_path, drain=0.1)
    with FaultyServer(lambda _request: GOOD[type_name]) as server:
        second = run(exporter(type_name, server.url), tmp_path)
    assert first.queued == second.carried_over == EVENTS
    assert second.delivered == EVENTS  # the second run's own batch is the same request again, and stored once
    assert second.accepted == 0


@pytest.mark.parametrize("type_name", ["splunk_hec", "datadog"])
def test_a_destination_that_cannot_be_reached_is_no_reason_to_lose_or_double_anything(
    tmp_path: Path, type_name: str
) -> None:
    with FaultyServer() as server:
        url = server.url
    receipt = run(exporter(type_name, url), tmp_path, drain=0.1)
    assert (receipt.queued, receipt.dead_lettered, receipt.possibly_duplicated) == (EVENTS, 0, 0)


@pytest.mark.parametrize("type_name", ["splunk_hec", "datadog"])
def test_several_attempts_are_made_at_once_if_asked_for_and_every_event_comes_once(
    tmp_path: Path, type_name: str
) -> None:
    meet = threading.Barrier(3)  # passed only if three requests are under way at the same time
    arrived: list[int] = []

    def answer(request: Request) -> Step:
        arrived.extend(numbers(request))
        meet.wait(20)
        return GOOD[type_name]

    class Three(Receiver):
        def run(self, consumer: Consumer) -> None:
            for start in (0, 7, 14):
                events = list(make_batch(21, id="b"))[start : start + 7]
                consumer.consume(Batch(f"b{start}", tuple(events)))

    with FaultyServer(answer) as server:
        made = exporter(type_name, server.url, max_in_flight=3, timeout=30, batch=BatchOptions(max_events=7))
        receipt = run(made, tmp_path, receiver=Three(ComponentConfig()))
    assert sorted(arrived) == list(range(21))
    assert receipt.delivered == 21

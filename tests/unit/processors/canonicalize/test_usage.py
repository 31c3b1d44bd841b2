"""Usage of agents that nobody knows: of several reports of one request, one kind is counted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from beacon_core import Batch, Event, Host, Span
from beacon_core.processors.canonicalize import CanonicalizeConfig, CanonicalizeProcessor
from beacon_core.processors.canonicalize.usage import CountedKinds
from beacon_core.testing import ProcessorContract, make_batch

USAGE = {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2}


def started() -> CanonicalizeProcessor:
    processor = CanonicalizeProcessor(CanonicalizeConfig())
    processor.start(Host("canonicalize"))
    return processor


def report(signal: Any, session: str = "s1", service: str = "my-agent", **attributes: Any) -> Event:
    span = Span() if signal == "span" else None
    given = USAGE | {"gen_ai.conversation.id": session, "gen_ai.operation.name": "chat"} | attributes
    (event,) = make_batch(
        1, signal=signal, span=span, name="x", body=None, attributes=given, resource={"service.name": service}
    )
    return event


def counted(processor: CanonicalizeProcessor, *events: Event) -> list[object]:
    batches = [processor.process(make_batch(0).with_events([event])) for event in events]
    return [event.attributes.get("beacon.usage.counted") for batch in batches for event in batch]


@pytest.mark.parametrize("service", ["my-agent", "cline", "github-copilot"])
def test_the_kind_that_comes_first_in_a_session_is_counted(service: str) -> None:
    processor = started()
    log, span = report("log", "a", service), report("span", "a", service)
    assert counted(processor, log, span, log, span) == [True, False, True, False]
    assert counted(processor, report("span", "b", service), report("log", "b", service)) == [True, False]


def test_metrics_and_sums_of_other_spans_are_not_counted() -> None:
    processor = started()
    (metric,) = make_batch(
        1,
        signal="metric",
        name="gen_ai.client.token.usage",
        body=None,
        attributes={"gen_ai.operation.name": "chat"},
        resource={"service.name": "my-agent"},
    )
    assert counted(processor, metric) == [False]
    assert counted(processor, report("span", **{"gen_ai.operation.name": "invoke_agent"})) == [False]
    assert counted(processor, report("log", **{"gen_ai.operation.name": "invoke_agent"})) == [None]
    assert counted(processor, report("log")) == [True]


def test_a_log_event_of_an_unknown_agent_is_activity_under_its_own_name() -> None:
    (event,) = started().process(make_batch(0).with_events([report("log")]))
    assert (event.name, event.attributes["beacon.agent.name"]) == ("session.activity", "my-agent")
    assert event.attributes["beacon.usage.source"] == "chat"
    assert event.attributes["beacon.usage.uncached_input_tokens"] == 5


@pytest.mark.parametrize("name", ["gen_ai.system", "gen_ai.request.model", "gen_ai.usage.output_tokens"])
def test_opentelemetrys_names_are_enough_to_know_that_it_is_an_agent(name: str) -> None:
    batch = make_batch(1, attributes={name: "x"}, resource={"service.name": "my-agent"})
    (event,) = started().process(batch)
    assert event.attributes["beacon.agent.name"] == "my-agent"
    other = make_batch(1, attributes={"gen_ai": "x"}, resource={"service.name": "my-agent"})
    assert started().process(other) is other


def test_old_sessions_are_forgotten() -> None:
    kinds = CountedKinds()
    assert kinds.counts("first", "log")
    assert not kinds.counts("first", "span")
    for number in range(4096):
        assert kinds.counts(f"s{number}", "span")
    assert kinds.counts("first", "span")


class TestContract(ProcessorContract):
    @pytest.fixture
    def processor(self) -> CanonicalizeProcessor:
        return CanonicalizeProcessor(CanonicalizeConfig())

    @pytest.fixture
    def batch(self) -> Batch:
        events = [report("log"), report("span"), report("span", "b"), report("log", "b")]
        return make_batch(0).with_events([_numbered(event, number) for number, event in enumerate(events)])


def _numbered(event: Event, number: int) -> Event:
    return msgspec.structs.replace(event, id=f"usage-{number}")

"""Tokens and cost: what counts, what does not, and what is said where sources differ."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from beacon_core import Metric
from beacon_core.report import Report, as_json, as_markdown, report_on
from beacon_core.report.usage import Tokens
from tests.unit.report.support import START, Lines


def usage_of(report: Report) -> Any:
    (session,) = report.sessions
    return session.usage


def point(line: Lines, kind: str, value: float, at: float = 0, **more: Any) -> bytes:
    metric = Metric(kind="sum", value=value, temporality=more.pop("temporality", "delta"), start_time_unix_nano=START)
    given = {"gen_ai__token__type": kind, "beacon__usage__counted": False, "beacon__usage__source": "metric_source"}
    action = "cost.usage" if kind == "cost" else "token.usage"
    return line(action, at, signal="metric", name=more.pop("name", "x.token.usage"), metric=metric, **(given | more))


def warnings_of(report: Report) -> list[tuple[str, str]]:
    return [(each.code, each.source) for each in report.warnings()]


def test_the_five_kinds_of_tokens_are_disjoint_and_add_up_to_everything() -> None:
    line = Lines()
    used = usage_of(report_on([line.usage(), line.usage()]))
    assert used.tokens == Tokens(uncached_input=20, cache_read=40, cache_creation=60, output=8, reasoning=2)
    assert (used.tokens.input, used.tokens.all_output, used.tokens.total) == (120, 10, 130)
    assert used.requests == 2


def test_without_the_uncached_tokens_they_are_what_the_caches_leave_and_never_negative() -> None:
    line = Lines()
    more = {"beacon.usage.uncached_input_tokens": None, "gen_ai.usage.input_tokens": 55}
    assert usage_of(report_on([line.usage(**more)])).tokens.uncached_input == 5
    less = more | {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 0}
    tokens = usage_of(report_on([line.usage(**less)])).tokens
    assert (tokens.uncached_input, tokens.output) == (0, 0)


def test_cost_is_added_exactly() -> None:
    line = Lines()
    report = report_on(line.usage(n, cost=0.1) for n in range(1000))
    assert usage_of(report).cost_usd == Decimal(100)
    assert as_json(report)["totals"]["usage"]["cost_usd"] == 100.0


def test_cost_that_nobody_told_is_not_zero() -> None:
    line = Lines()
    report = report_on([line.usage(cost=None)])
    assert as_json(report)["totals"]["usage"]["cost_usd"] is None
    assert "$" not in as_markdown(report)


@pytest.mark.parametrize("nonsense", [-1, 1.5, True, "12", None, [], {}, 1e300, 2**63])
def test_a_number_that_is_none_counts_as_nothing(nonsense: Any) -> None:
    line = Lines()
    more = {"gen_ai.usage.output_tokens": nonsense, "beacon.usage.uncached_input_tokens": nonsense}
    tokens = usage_of(report_on([line.usage(**more)])).tokens
    assert (tokens.output, tokens.uncached_input) == (0, 0)


@pytest.mark.parametrize("nonsense", [-0.5, True, "0.1", None, [], float("1e300")])
def test_a_cost_that_is_none_counts_as_not_told(nonsense: Any) -> None:
    assert usage_of(report_on([Lines().usage(cost=nonsense)])).cost_usd is None


def test_only_counted_sources_count_and_agreeing_ones_cause_no_warning() -> None:
    line = Lines()
    lines = [line.usage(), *(point(line, kind, value) for kind, value in (("output", 5), ("reasoning", 1)))]
    lines += [point(line, kind, value) for kind, value in (("input", 60), ("cache_read", 20), ("cache_creation", 30))]
    lines += [point(line, "cost", 0.0100000000001)]
    report = report_on(lines)
    assert usage_of(report).tokens.total == 65
    assert usage_of(report).cost_usd == Decimal("0.01")
    assert warnings_of(report) == []
    told = {
        (each["source"], each["counted"]): each["tokens"] for each in as_json(report)["sessions"][0]["usage_sources"]
    }
    assert told["log_source", True] == told["metric_source", False]


def test_a_source_that_leaves_out_reasoning_or_cached_tokens_agrees() -> None:
    line = Lines()
    span = line.usage(
        **{
            "beacon.usage.counted": False,
            "beacon.usage.source": "span",
            "gen_ai.usage.output_tokens": 4,
            "gen_ai.usage.reasoning.output_tokens": None,
        }
    )
    assert warnings_of(report_on([line.usage(), span])) == []


@pytest.mark.parametrize("kind", ["output", "input", "cost"])
def test_a_source_that_tells_something_else_is_named_in_a_warning_and_shown_beside(kind: str) -> None:
    line = Lines()
    report = report_on([line.usage(), point(line, kind, 7)])
    assert warnings_of(report) == [("usage_differs", "metric_source")]
    assert "<code>metric_source</code> | no |" in as_markdown(report)


@pytest.mark.parametrize(("metric", "agrees"), [(0.002195, True), (0.0021975, True), (0.0022, False)])
def test_costs_that_were_rounded_for_each_request_agree_with_their_sum(metric: float, agrees: bool) -> None:
    line = Lines()
    requests = [line.usage(cost=0.001323), line.usage(cost=0.000873)]
    report = report_on([*requests, point(line, "cost", metric)])
    assert warnings_of(report) == ([] if agrees else [("usage_differs", "metric_source")])


def test_where_no_counted_source_came_the_end_of_the_session_counts() -> None:
    line = Lines()
    more = {"beacon.usage.counted": False, "beacon.usage.source": "result"}
    result = line.usage(5, action="session.completed", **more)
    alone = usage_of(report_on([result]))
    assert (alone.tokens.total, alone.requests) == (65, 0)  # nobody told how many requests it was
    both = report_on([result, line.usage()])
    assert usage_of(both).tokens.total == 65
    assert [source.name for source in both.sessions[0].sources.all() if source.counted] == ["log_source"]


def test_where_nothing_counts_the_report_says_so() -> None:
    report = report_on([point(Lines(), "input", 7)])
    assert usage_of(report).tokens.total == 0
    assert warnings_of(report) == [("usage_not_counted", "metric_source")]


def test_cumulative_points_count_what_came_since_and_begin_anew_after_a_reset() -> None:
    line = Lines()
    values = [10, 15, 15, 40, 3, 5]  # after 40 the process began again: 40 + 5
    counted = {"beacon__usage__counted": True, "temporality": "cumulative"}
    report = report_on(point(line, "input", value, at, **counted) for at, value in enumerate(values))
    assert usage_of(report).tokens.total == 45


def test_cumulative_series_are_apart() -> None:
    line = Lines()
    counted = {"beacon__usage__counted": True, "temporality": "cumulative"}
    points = [("input", "a", 10), ("input", "b", 7), ("input", "a", 12), ("input", "b", 7), ("output", "a", 5)]
    report = report_on(
        point(line, kind, value, gen_ai__request__model=model, **counted) for kind, model, value in points
    )
    by_model = {model: used.tokens.total for model, used in report.sessions[0].usage_by_model().items()}
    assert by_model == {"a": 17, "b": 7}


def test_what_a_metric_has_twice_counts_once() -> None:
    told = (("input", 60), ("cache_read", 20), ("cache_creation", 30), ("output", 5), ("reasoning", 1), ("total", 65))
    for name, numbers in {
        "codex.turn.token_usage": told,
        "claude_code.token.usage": [
            (kind, 10 if kind == "input" else value) for kind, value in told if kind != "reasoning"
        ],
        "gemini_cli.token.usage": [(kind, 4 if kind == "output" else value) for kind, value in told],
    }.items():
        line = Lines()
        report = report_on(point(line, kind, value, name=name, beacon__usage__counted=True) for kind, value in numbers)
        assert usage_of(report).tokens.total == 65, name


def test_models_are_apart_and_together() -> None:
    line = Lines()
    report = report_on([line.usage(model="b"), line.usage(model="a", cost=0.5), line.usage(model="a")])
    document = as_json(report)
    assert [(each["model"], each["requests"], each["cost_usd"]) for each in document["models"]] == [
        ("a", 2, 0.51),
        ("b", 1, 0.01),
    ]
    assert document["totals"]["usage"]["requests"] == 3


def test_usage_over_time_adds_up_whatever_the_order_and_however_long_it_takes() -> None:
    line = Lines()
    times = [0.0, 0.05, 1, 3600, 2, 90_000, 7, 1_000_000]
    (session,) = report_on(line.usage(at) for at in times).sessions
    steps = session.steps.in_order()
    assert len(session.steps.steps) <= 120
    assert sum(used.tokens.total for _, used in steps) == 65 * len(times)
    assert [start for start, _ in steps] == sorted(start for start, _ in steps)


def test_p5_an_event_that_was_delivered_twice_counts_once() -> None:
    line = Lines()
    once = [line.usage(), line.usage()]
    report = report_on([*once, *once])
    assert (report.events, report.repeated) == (2, 2)
    assert usage_of(report).tokens.total == 130

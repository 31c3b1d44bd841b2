"""A report of any input keeps within bounds, and equal input gives an equal report."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest

from beacon_core.report import as_html, as_json, as_markdown, as_text, report_on
from beacon_core.report.bounded import OTHERS
from beacon_core.report.markdown import MOST_BYTES
from tests.unit.report.support import Lines, long_session


def many_names(number: int) -> Iterator[bytes]:
    """Yield a session in which everything has another name each time."""
    line = Lines()
    for n in range(number):
        name = f"{n}-" + "n" * 400
        yield line.usage(n, model=name, **{"beacon.usage.source": name, "beacon.redacted": {name: 1}})
        known = {"gen_ai__tool__name": name, "gen_ai__tool__call__id": name, "beacon__outcome": "success"}
        yield line("command.executed", n, process__command_line=name, **known)
        yield line("file.read", n, file__path=name, beacon__outcome="success")
        yield line("approval.denied", n, gen_ai__tool__name=name)
        yield line("session.error", n * 5, error__type=name)
        yield line(name, n, beacon__agent__name=None)


def test_memory_grows_with_sessions_not_with_events() -> None:
    lines, used = list(many_names(5_600)), []

    def watched() -> Iterator[bytes]:
        for number, line in enumerate(lines, 1):
            if number % (len(lines) // 2) == 0:
                used.append(tracemalloc.get_traced_memory()[0])
            yield line

    tracemalloc.start()
    try:
        report_on(watched())
    finally:
        tracemalloc.stop()
    half, whole = used
    assert whole < half * 1.3  # a table that grows with the events would double


def test_names_beyond_the_bounds_are_counted_together() -> None:
    number = 1_000
    document = as_json(report_on(many_names(number)))
    totals = document["totals"]
    assert (totals["tool_calls"], totals["commands"], totals["errors"]) == (3 * number, number, number)
    assert totals["usage"]["requests"] == totals["approvals"]["denied"] == number
    assert sum(totals["redactions"].values()) == number
    assert sum(document["input"]["other_events"].values()) == number
    (session,) = document["sessions"]
    for names, most in (
        ([each["tool"] for each in session["tools"]], 201),
        ([each["model"] for each in session["models"]], 65),
        ([each["command"] for each in session["commands"]], 201),
        ([each["path"] for each in session["files"]], 501),
        ([each["type"] for each in session["errors"]], 51),
        (list(session["redactions"]), 101),
    ):
        assert len(names) <= most
        assert OTHERS in names
        assert max(map(len, names)) <= 300
    assert len(session["timeline"]["moments"]) == 500
    assert session["timeline"]["left_out"] > 0


@pytest.fixture(scope="module")
def huge() -> list[bytes]:
    """Sessions in great number, with long names."""
    return [Lines(f"{n}-" + "|" * 250).usage(n, model="`" * 200) for n in range(2_000)] + list(many_names(1_500))


def test_c16_a_step_summary_stays_below_the_limit_of_github(huge: list[bytes]) -> None:
    markdown = as_markdown(report_on(huge))
    assert len(markdown.encode()) <= MOST_BYTES < 1024 * 1024
    assert "… and 1,971 more" in markdown


def test_c16_what_does_not_fit_into_a_step_summary_is_left_out_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = report_on(long_session())
    monkeypatch.setattr("beacon_core.report.markdown.MOST_BYTES", 1_200)
    markdown = as_markdown(report)
    assert len(markdown.encode()) <= 1_200
    assert markdown.startswith("## What the agents did")
    assert markdown.endswith("… more was left out: this summary would be too long\n")
    assert markdown.count("<details>") == markdown.count("</details>")


def test_a_page_of_very_many_sessions_is_not_too_large(huge: list[bytes]) -> None:
    page = as_html(report_on(huge))
    assert len(page) < 8 * 1024 * 1024
    assert "… and 1,951 more sessions" in page
    assert 'id="data"' not in page


def test_an_empty_report_is_said_in_every_form() -> None:
    report = report_on([])
    assert as_text(report) == "no events\n"
    assert "No event of an agent arrived." in as_markdown(report)
    assert "What the agents did" in as_html(report)
    document = as_json(report)
    assert (document["sessions"], document["totals"]["usage"]["cost_usd"], document["delivery"]) == ([], None, None)


def test_equal_input_gives_an_equal_report_in_every_form() -> None:
    lines = list(long_session())
    first, second = report_on(lines), report_on(iter(lines))
    assert json.dumps(as_json(first)) == json.dumps(as_json(second))
    for form in (as_text, as_markdown, as_html):
        assert form(first) == form(first) == form(second)

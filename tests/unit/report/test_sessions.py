"""What events of a session add up to: calls, commands, files, approvals, errors, outcome."""

from __future__ import annotations

from typing import Any

import pytest

from beacon_core import Metric, Span
from beacon_core.report import Report, as_html, as_json, as_markdown, as_text, report_on
from beacon_core.report.session import Session
from tests.unit.report.support import SECOND, START, Lines

CI = {"cicd.pipeline.run.id": "7", "cicd.pipeline.name": "build"}


def session_of(*lines: bytes) -> Session:
    (session,) = report_on(lines).sessions
    return session


def tools_of(*lines: bytes) -> dict[str, tuple[int, int, int, int]]:
    used = session_of(*lines).calls.tools
    return {name: (use.calls, use.failures, use.denied, use.duration_ms) for name, use in used.items()}


def call(
    line: Lines, action: str = "tool.invoked", at: float = 0, outcome: str | None = "success", **more: Any
) -> bytes:
    given: dict[str, Any] = {"gen_ai__tool__name": "Bash", "beacon__outcome": outcome, "beacon__duration_ms": 40}
    return line(action, at, **(given | more))


# ---- calls ----


def test_a_call_that_two_sources_tell_counts_once_whichever_comes_first() -> None:
    line = Lines()
    told = [
        call(line, "tool.invoked", outcome=None, gen_ai__tool__call__id="1", beacon__source="stdout"),
        call(line, "command.executed", gen_ai__tool__call__id="1", process__command_line="ls", at=60),
        call(line, "command.executed", gen_ai__tool__call__id="1", process__command_line="ls", beacon__source="stdout"),
        line("approval.allowed", gen_ai__tool__name="Bash", gen_ai__tool__call__id="1"),
        line("approval.allowed", gen_ai__tool__name="Bash", gen_ai__tool__call__id="1", beacon__source="stdout"),
    ]
    for order in (told, told[::-1]):
        session = session_of(*order)
        assert tools_of(*order) == {"Bash": (1, 0, 0, 40)}
        assert session.commands["ls"].runs == 1
        assert session.approvals == {"allowed": 1}
        assert len(session.timeline.moments) == 1


def test_two_calls_of_the_same_command_are_two_with_ids_and_without() -> None:
    line = Lines()
    with_ids = [call(line, gen_ai__tool__call__id=str(number)) for number in range(2)]
    assert tools_of(*with_ids) == {"Bash": (2, 0, 0, 80)}
    assert tools_of(call(line), call(line)) == {"Bash": (2, 0, 0, 80)}


@pytest.mark.parametrize(("apart", "calls"), [(1.5, 1), (2.5, 2)])
def test_without_ids_what_another_source_tells_within_two_seconds_is_the_same(apart: float, calls: int) -> None:
    line = Lines()
    target = {"process__command_line": "make"}
    lines = [
        call(line, "command.executed", 10, **target),
        call(line, "command.executed", 10 + apart, beacon__source="stdout", **target),
    ]
    assert tools_of(*lines)["Bash"][0] == calls
    assert session_of(*lines).commands["make"].runs == calls


def test_a_call_that_one_source_tells_with_an_id_and_another_without_counts_once() -> None:
    line, target = Lines(agent="gemini_cli"), {"process__command_line": "make"}
    asked = call(line, "tool.invoked", 1, outcome=None, gen_ai__tool__call__id="1", beacon__source="stdout")
    ended = call(line, "command.executed", 2, gen_ai__tool__call__id="1", beacon__source="stdout", **target)
    log = call(line, "command.executed", 2, **target)
    for order in ([asked, ended, log], [asked, log, ended], [log, asked, ended]):
        assert tools_of(*order)["Bash"][0] == 1
        assert session_of(*order).commands["make"].runs == 1


def test_a_call_that_was_asked_for_counts_though_nobody_tells_its_end() -> None:
    line = Lines()
    asked = [call(line, outcome=None, gen_ai__tool__call__id=str(n), beacon__duration_ms=None) for n in range(3_000)]
    assert tools_of(*asked) == {"Bash": (3_000, 0, 0, 0)}
    assert session_of(*asked).timeline.moments == []


@pytest.mark.parametrize("outcome", ["failure", "timeout", "cancelled"])
def test_a_call_that_did_not_end_well_is_a_failure(outcome: str) -> None:
    line = Lines()
    lines = [call(line, "command.executed", outcome=outcome, process__command_line="false", process__exit__code=3)]
    session = session_of(*lines)
    assert tools_of(*lines) == {"Bash": (1, 1, 0, 40)}
    command = session.commands["false"]
    assert (command.runs, command.failures, command.exit_code) == (1, 1, 3)


def test_a_denied_call_is_a_call_and_no_failure_though_its_answer_is_an_error() -> None:
    line = Lines()
    denied = line(
        "approval.denied",
        gen_ai__tool__name="Bash",
        gen_ai__tool__call__id="1",
        process__command_line="rm -rf /",
        beacon__approval__source="user_reject",
    )
    answer = call(line, "tool.failed", outcome="failure", gen_ai__tool__call__id="1", beacon__duration_ms=0)
    for order in ([denied, answer], [answer, denied]):
        assert tools_of(*order) == {"Bash": (1, 0, 1, 0)}
        (denial,) = session_of(*order).denials.values()
        assert (denial.tool, denial.target, denial.source, denial.count) == ("Bash", "rm -rf /", "user_reject", 1)


def test_an_agent_that_tells_decisions_with_its_calls_has_approvals() -> None:
    line = Lines(agent="gemini_cli")
    session = session_of(
        call(line, beacon__approval__decision="allowed"), call(line, beacon__approval__decision="allowed")
    )
    assert session.approvals == {"allowed": 2}


def test_spans_are_calls_only_where_they_are_canonical_calls() -> None:
    line = Lines(agent="copilot_cli")
    span = Span(end_time_unix_nano=START + 3 * SECOND)
    lines = [
        call(line, "tool.invoked", 1, signal="span", name="execute_tool bash", span=span, beacon__duration_ms=None),
        line("trace.unclassified", 1, signal="span", gen_ai__tool__name="Bash", beacon__outcome="success"),
    ]
    assert tools_of(*lines) == {"Bash": (1, 0, 0, 2000)}


def test_tools_of_servers_have_the_servers_name() -> None:
    lines = [call(Lines(), "mcp.tool_invoked", gen_ai__tool__name="search", beacon__mcp__server__name="docs")]
    assert list(tools_of(*lines)) == ["docs/search"]


def test_metrics_are_no_calls() -> None:
    line = Lines()
    assert (
        tools_of(line("metric.observed", signal="metric", gen_ai__tool__name="Bash", beacon__outcome="success")) == {}
    )


# ---- files, errors, outcome ----


def test_files_are_those_that_were_really_touched() -> None:
    line = Lines()
    session = session_of(
        call(line, "file.read", file__path="a.py"),
        call(line, "file.modified", file__path="b.py", beacon__file__operation="create"),
        call(line, "file.modified", file__path="b.py", beacon__file__operation="modify"),
        call(line, "file.modified", outcome="failure", file__path="c.py"),
        call(line, "file.read"),
        line("file.created", file__path="d.py"),
    )
    assert session.files == {"a.py": {"read": 1}, "b.py": {"created": 1, "modified": 1}, "d.py": {"created": 1}}
    assert session.operations == {"read": 2, "created": 2, "modified": 1}
    assert session.calls.tools["Bash"].calls == 5


def test_an_error_that_is_told_twice_at_once_counts_once() -> None:
    line = Lines()
    error = {"error__type": "401", "error__message": "no"}
    session = session_of(
        line("session.error", 1, beacon__source__event="api_error", **error),
        line("session.error", 1, beacon__source__event="api_retries_exhausted", **error),
        line("session.error", 60, beacon__source__event="api_error", **error),
    )
    (failure,) = session.errors.values()
    assert (failure.type, failure.message, failure.count) == ("401", "no", 2)


@pytest.mark.parametrize(
    ("actions", "outcome"),
    [
        (["prompt.submitted"], "unknown"),
        (["session.error"], "failure"),
        (["session.error", "token.usage"], "unknown"),
        (["session.error", "session.completed success"], "success"),
        (["session.completed failure", "session.error"], "failure"),
        (["session.completed failure", "session.completed success"], "success"),
        (["session.completed"], "unknown"),
    ],
)
def test_the_outcome_is_what_the_end_says_else_whether_it_ended_with_an_error(actions: list[str], outcome: str) -> None:
    line, lines = Lines(), []
    for at, words in enumerate(actions):
        action, _, said = words.partition(" ")
        lines.append(line.usage(at) if action == "token.usage" else line(action, at, beacon__outcome=said or None))
    assert session_of(*lines).outcome == outcome


def test_begin_and_end_are_those_of_events_and_spans_and_of_metrics_only_where_there_is_nothing_else() -> None:
    line = Lines()
    metric = line("metric.observed", 99, signal="metric")
    session = session_of(line("prompt.submitted", 2), line.usage(1), metric)
    assert (session.start_unix_nano, session.end_unix_nano) == (START + SECOND, START + 2 * SECOND)
    assert session_of(metric).start_unix_nano == START + 99 * SECOND


# ---- sessions and runs ----


def test_sessions_are_apart_by_agent_id_and_run() -> None:
    lines = [
        Lines("a", **CI).usage(),
        Lines("b", **CI).usage(),
        Lines("a", agent="x", **CI).usage(),
        Lines("a").usage(),
    ]
    report = report_on(lines)
    assert len(report.sessions) == 4
    assert [len(sessions) for sessions in report.runs().values()] == [3, 1]
    document = as_json(report)
    assert [(run.get("pipeline"), run["sessions"], run["usage"]["requests"]) for run in document["runs"]] == [
        ("build", 3, 3),
        (None, 1, 1),
    ]
    assert "| <code>build 7</code> | 3 | 0 | 0 | 195 | $0.0300 |" in as_markdown(report)
    assert "build 7         3        0           0     195  $0.0300" in as_text(report)
    assert "<td>build 7</td>" in as_html(report)


def test_the_session_of_a_record_wins_over_that_of_its_resource() -> None:
    lines = [Lines("", **{"session.id": "r"}).usage(**{"session.id": None}), Lines("a", **{"session.id": "r"}).usage()]
    assert [session.id for session in report_on(lines).sessions] == ["a", "r"]


def test_a_job_is_one_run_though_beacon_was_started_twice_in_it() -> None:
    first = Lines("a", **CI, **{"beacon.run.id": "x"}).usage()
    second = Lines("b", **CI, **{"beacon.run.id": "y"}).usage()
    assert len(report_on([first, second]).runs()) == 1
    alone = [Lines("a", **{"beacon.run.id": each}).usage() for each in "xy"]
    assert len(report_on(alone).runs()) == 2


def test_metrics_of_no_session_belong_to_the_only_one_of_their_agent_and_nothing_else_does() -> None:
    nameless = Lines("", agent="codex_cli")
    metric = Metric(kind="sum", value=65, temporality="delta")
    more = {"gen_ai__token__type": "input", "beacon__usage__counted": False, "session__id": None}
    told = nameless("token.usage", signal="metric", name="m", metric=metric, **more)
    one = report_on([told, Lines("a", agent="codex_cli").usage()])
    assert [(session.id, session.events) for session in one.sessions] == [("a", 2)]
    assert [source.name for source in one.sessions[0].sources.all()] == ["log_source", "m"]
    two = report_on([told, *(Lines(name, agent="codex_cli").usage() for name in "ab")])
    assert sorted(session.id for session in two.sessions) == ["", "a", "b"]
    prompt = nameless("prompt.submitted", session__id=None)
    apart = report_on([told, prompt, Lines("a", agent="codex_cli").usage()])
    assert sorted((session.id, session.prompts) for session in apart.sessions) == [("", 1), ("a", 0)]


def redacted(report: Report) -> Any:
    return as_json(report)["totals"]["redactions"]


def test_p2_redactions_are_added_by_rule_those_of_a_resource_once() -> None:
    line = Lines(**{"beacon.redacted": {"email": 1}})
    lines = [line("x", beacon__redacted={"jwt": 2, "email": 1}), line("y", beacon__redacted={"jwt": 1})]
    assert redacted(report_on(lines)) == {"jwt": 3, "email": 2}


@pytest.mark.parametrize("nonsense", ["x", 7, [1], {"jwt": "2"}, {"jwt": -1}, {"jwt": {}}, None])
def test_a_summary_that_is_none_is_passed_over(nonsense: Any) -> None:
    line = Lines(**{"beacon.redacted": nonsense})
    assert redacted(report_on([line("x", beacon__redacted=nonsense)])) == {}


def test_other_events_are_counted_by_name() -> None:
    line = Lines()
    report = report_on(
        [line("x", beacon__agent__name=None), line("ci.stop", beacon__event__kind="beacon"), line.usage()]
    )
    assert report.others == {"x": 1, "ci.stop": 1}
    assert len(report.sessions) == 1


def test_a_file_without_canonical_names_says_what_is_missing() -> None:
    report = report_on([Lines()("x", beacon__agent__name=None)])
    assert [warning.code for warning in report.warnings()] == ["no_sessions"]
    assert "canonicalize" in report.warnings()[0].message

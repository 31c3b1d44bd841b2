"""[T1, T2] What events there are and what each has."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from beacon_track import Telemetry, arguments, events, telemetry, tracked

TRACK = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def one(here: Any) -> Telemetry:
    assert here.names() == []
    return Telemetry(app="acme", version="1.2.3")


def everything(one: Telemetry) -> None:
    with one.session(), one.track("env.claim", ["--json"]):
        with one.step("download") as step:
            step.set("items", 3)
        with one.tool("grep"):
            pass
        with one.llm("model-1", provider="anthropic") as call:
            call.usage(input_tokens=10, output_tokens=20)
        one.report(ValueError("boom"))


def test_t1_every_kind_of_event_has_id_session_time_and_schema_version(one: Telemetry, here: Any) -> None:
    everything(one)
    one.close()
    records = here.records()
    assert [record["name"] for record in records] == [
        *("session.start", "step", "agent.tool", "agent.llm", "crash", "command", "session.end")
    ]
    for record in records:
        attributes = record["attributes"]
        assert TRACK.fullmatch(attributes["log.record.uid"])
        assert uuid.UUID(attributes["log.record.uid"]).version == 4
        assert attributes["beacon.schema.version"] == events.SCHEMA_VERSION
        assert attributes["beacon.event.kind"] == "cli_command"
        assert int(record["timeUnixNano"]) > 0
        assert set(attributes) - {"acme.items"} <= events.ATTRIBUTES
        assert set(record["resource"]) <= events.RESOURCE
    assert len({record["attributes"]["log.record.uid"] for record in records}) == len(records)
    assert len({record["attributes"]["session.id"] for record in records}) == 1


def test_t1_what_takes_time_has_start_and_duration_and_start_is_end_less_duration(one: Telemetry, here: Any) -> None:
    everything(one)
    one.close()
    for record in here.records():
        attributes = record["attributes"]
        timed = record["name"] not in ("session.start", "crash")
        assert ("beacon.duration_ms" in attributes) == timed
        if timed:
            start, duration = attributes["beacon.start_time_unix_nano"], attributes["beacon.duration_ms"]
            assert start == int(record["timeUnixNano"]) - duration * 1_000_000


def test_t1_a_duration_does_not_depend_on_the_wall_clock(one: Telemetry, here: Any, monkeypatch: Any) -> None:
    with one.step("x"):
        monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000)  # it was set back by decades
    one.close()
    (record,) = here.records()
    assert 0 <= record["attributes"]["beacon.duration_ms"] < 60_000
    assert record["timeUnixNano"] == "1000000000"


def test_t2_the_event_of_a_command_says_which_how_long_how_it_ended_and_where(one: Telemetry, here: Any) -> None:
    with one.track("env.claim", ["--json", "x"]):
        pass
    one.close()
    (record,) = here.records()
    wanted = {"beacon.command.name": "env.claim", "beacon.command.flags": ["--json"], "beacon.outcome": "success"}
    assert wanted.items() <= record["attributes"].items()
    assert record["attributes"]["process.exit.code"] == 0
    assert record["body"]["stringValue"].startswith("command env.claim success ")
    resource = record["resource"]
    assert (resource["service.name"], resource["service.version"]) == ("acme", "1.2.3")
    assert {"os.type", "host.arch", "process.runtime.name", "process.runtime.version", "beacon.origin"} <= set(resource)


def test_the_events_of_tools_and_models_have_opentelemetrys_names(one: Telemetry, here: Any) -> None:
    everything(one)
    one.close()
    by_name = {record["name"]: record["attributes"] for record in here.records()}
    assert by_name["agent.tool"]["gen_ai.tool.name"] == "grep"
    model = by_name["agent.llm"]
    assert (model["gen_ai.request.model"], model["gen_ai.provider.name"]) == ("model-1", "anthropic")
    assert (model["gen_ai.usage.input_tokens"], model["gen_ai.usage.output_tokens"]) == (10, 20)
    assert by_name["step"]["acme.items"] == 3


@pytest.mark.parametrize(
    ("tokens", "name"),
    [
        (["env", "claim"], "env.claim"),
        (["env", "claim", "prod"], "env.claim"),
        (["env", "--name", "claim"], "env"),
        (["env"], "env"),
        (["hunter2"], "unknown"),
        (["--token", "env"], "unknown"),
        (["envclaim"], "unknown"),
        ([], "unknown"),
    ],
)
def test_t2_only_a_registered_command_is_recorded_by_name(tokens: list[str], name: str) -> None:
    assert arguments.command_name(tokens, {"env", "env.claim"}) == name


def test_t2_a_name_that_is_not_registered_is_unknown_where_names_are_registered(here: Any) -> None:
    one = Telemetry(app="acme", version="1", commands=["env.claim"])
    for name in ("env.claim", "hunter2"):
        with one.track(name):
            pass
    one.close()
    assert [record["attributes"]["beacon.command.name"] for record in here.records()] == ["env.claim", "unknown"]
    assert b"hunter2" not in here.everything()


def test_t2_without_a_name_the_command_line_is_looked_at(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["acme", "env", "claim", "hunter2", "--json", "-q", "--json"])
    one = Telemetry(app="acme", version="1", commands=["env.claim"])
    with one.track():
        pass
    one.close()
    (record,) = here.records()
    assert record["attributes"]["beacon.command.name"] == "env.claim"
    assert record["attributes"]["beacon.command.flags"] == ["--json", "-q"]
    assert b"hunter2" not in here.everything()


@pytest.mark.parametrize(
    ("tokens", "flags"),
    [
        (["--name=hunter2", "--name", "x", "--name"], ["--name"]),
        (["-phunter2", "-p"], ["-p"]),
        (["-5", "-.5", "-1e3", "-", "--", "--after"], []),
        (["--ünicode", "--has space", "--=x", "---", "--9lives", f"--{'x' * 100}"], []),
        (["x", "--dry-run", "--no_color"], ["--dry-run", "--no_color"]),
    ],
)
def test_t2_flags_are_names_without_values_each_once(tokens: list[str], flags: list[str]) -> None:
    assert arguments.flag_names(tokens) == flags


def test_a_command_within_a_command_is_a_step_of_it(one: Telemetry, here: Any) -> None:
    with one.track("outer"), one.track("inner", ["--json"]):
        pass
    one.close()
    inner, outer = here.records()
    assert (inner["name"], inner["attributes"]["beacon.step.name"]) == ("step", "inner")
    assert (outer["name"], outer["attributes"]["beacon.command.name"]) == ("command", "outer")


def test_t4_a_decorated_function_and_coroutine_are_recorded_at_each_call_and_stay_what_they_are(
    one: Telemetry, here: Any
) -> None:
    import asyncio

    @one.track("org.list")
    def listed(number: int) -> int:
        """Say it."""
        return number + 1

    @one.track("org.wait")
    async def waited(number: int) -> int:
        await asyncio.sleep(0)
        return number + 1

    assert (listed(1), listed(2), asyncio.run(waited(3))) == (2, 3, 4)
    assert (listed.__name__, listed.__doc__) == ("listed", "Say it.")
    one.close()
    assert [record["attributes"]["beacon.command.name"] for record in here.records()] == [
        *("org.list", "org.list", "org.wait")
    ]


def test_attributes_that_could_be_anything_are_left_out(one: Telemetry, here: Any) -> None:
    class Odd:
        def __str__(self) -> str:
            raise AssertionError("nobody asks")

    with one.step("x") as step:
        for name, value in {
            "object": Odd(),
            "map": {"a": 1},
            "none": None,
            "nan": float("nan"),
            "huge": 2**70,
            "bytes": b"x",
            "list": ["a", Odd(), "b"],
            "text": "t",
            "half": 0.5,
            "yes": True,
        }.items():
            step.set(name, value)
    one.close()
    (record,) = here.records()
    own = {name: value for name, value in record["attributes"].items() if name.startswith("acme.")}
    assert own == {"acme.list": ["a", "b"], "acme.text": "t", "acme.half": 0.5, "acme.yes": True}


def test_an_author_can_add_so_many_attributes_and_no_more(one: Telemetry, here: Any) -> None:
    with one.step("x") as step:
        for number in range(100):
            step.set(f"n{number}", number)
    one.close()
    assert sum(name.startswith("acme.") for name in here.records()[0]["attributes"]) == 32


def test_nothing_that_an_author_gives_can_break_the_command(one: Telemetry) -> None:
    for odd in (None, 7, b"x", object(), "\ud800", "x" * 1_000_000):
        with one.track(odd, [odd]), one.track("", odd), one.step(odd) as step:  # type: ignore[arg-type,list-item]
            step.set(odd, odd)  # type: ignore[arg-type]
    one.close()


def test_a_process_that_goes_on_hands_over_now_and_then_and_loses_nothing(one: Telemetry, here: Any) -> None:
    with one.track("x"):
        for _ in range(1234):
            with one.step("y"):
                pass
        assert len(here.records()) == 1000
        (journal,) = here.names("journal-")
        assert (here.spool / journal).read_bytes().count(b"process_ended") == 1  # the command is begun here, too
    one.close()
    assert len(here.records()) == 1235
    assert here.names("journal-") == []


def test_a_mistake_of_the_author_is_told_when_the_telemetry_is_made() -> None:
    for wrong in (
        {"app": ""},
        {"app": "../x"},
        {"app": "Acme"},
        {"endpoint": "acme.example"},
        {"endpoint": "https://a.example", "pipeline": "p.yaml"},
        {"token": "t", "endpoint": "http://a.example"},
        {"consent": "yes"},
        {"outcomes": {ValueError: "bad"}},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Telemetry(**{"app": "acme", "version": "1", **wrong})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="argparse"):
        Telemetry(app="acme", version="1").instrument(object())


def test_no_secret_is_in_a_repr() -> None:
    one = telemetry.Telemetry(app="acme", version="1", endpoint="https://a.example", token="t0ken-t0ken")
    assert "t0ken" not in repr(one) + repr(one.settings) + repr(one.track("x")) + repr(tracked.Tracked(one, "step", {}))

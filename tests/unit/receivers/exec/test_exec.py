"""The receiver `exec` and behaviours A1 to A6, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch, ConfigurationError, Counters, Event, Host, QueueFullError
from beacon_core.receivers.exec import ExecConfig, ExecReceiver
from beacon_core.testing import ListConsumer
from beacon_core.testing.watching import wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands here are POSIX's")
PATIENCE = 60.0
EventsOf = Callable[..., list[Event]]


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def lines(events: list[Event], name: str = "agent.process.stdout") -> list[Any]:
    return [event.body for event in events if event.name == name]


# ---- [A1] what runs ----


def test_a1_the_command_gets_its_arguments_as_they_are(events_of: EventsOf) -> None:
    events = events_of(["printf", "%s\\n", "a b", "$HOME", "*"], format="text")
    assert lines(events) == ["a b", "$HOME", "*"]


def test_a1_the_prompt_comes_from_a_file_instead_of_the_arguments(events_of: EventsOf, tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("Say hello.\n")
    assert lines(events_of(["cat"], prompt_file=tmp_path / "prompt.md", format="text")) == ["Say hello."]
    assert lines(events_of(["cat"], format="text")) == [], "or from nowhere"


def test_a1_the_prompt_comes_from_beacons_own_standard_input() -> None:
    program = (
        "from beacon_core import Host, encode_lines\n"
        "from beacon_core.receivers.exec import ExecConfig, ExecReceiver\n"
        "from beacon_core.testing import ListConsumer\n"
        "consumer = ListConsumer()\n"
        "receiver = ExecReceiver(ExecConfig(command=['cat'], stdin='inherit', format='text'))\n"
        "receiver.start(Host('exec')); receiver.run(consumer)\n"
        "print(consumer.events[1].body)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=b"hi\n", capture_output=True, check=True, timeout=60)
    assert done.stdout == b"hi\n"


def claude(folder: Path) -> Path:
    """A program called `claude` that prints what it was given."""
    path = folder / "claude"
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    path.chmod(0o755)
    return path


def test_a1_claude_is_asked_for_its_stream_and_gets_its_tools(events_of: EventsOf, tmp_path: Path) -> None:
    command = [str(claude(tmp_path)), "-p", "hi"]
    given = lines(events_of(command, format="claude_stream_json"), "claude_code.stdout.line")
    tools = "Bash,Edit,Write,Read,Glob,Grep,Task,WebFetch,WebSearch"
    assert given == ["-p", "hi", "--verbose", "--output-format", "stream-json", "--allowedTools", tools]
    given = lines(events_of(command, format="claude_stream_json", allowed_tools=["Read"]), "claude_code.stdout.line")
    assert given[-2:] == ["--allowedTools", "Read"]
    given = lines(events_of(command, format="claude_stream_json", allowed_tools=[]), "claude_code.stdout.line")
    assert given[-1] == "stream-json"
    assert lines(events_of(command, format="text")) == ["-p", "hi"], "only with that format"


def test_a1_what_the_command_says_itself_stays(events_of: EventsOf, tmp_path: Path) -> None:
    flags = ["--output-format=stream-json", "--verbose", "--allowedTools", "Bash(git *)"]
    events = events_of([str(claude(tmp_path)), *flags], format="claude_stream_json")
    assert lines(events, "claude_code.stdout.line") == flags
    events = events_of(["printf", "%s\\n", "x"], format="claude_stream_json")
    assert lines(events, "claude_code.stdout.line") == ["x"], "another program gets no flags"


def test_p7_the_command_does_not_see_the_tokens_of_exporters(
    events_of: EventsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPLUNK_TOKEN", "a-token-of-splunk")
    monkeypatch.setenv("CI", "true")
    host = Host("exec", secrets=("a-token-of-splunk", "true"))
    script = ["sh", "-c", 'echo "$SPLUNK_TOKEN/$CI/$OWN"']
    assert lines(events_of(script, host, environment={"OWN": "1"}, format="text")) == ["/true/1"]
    only = {"OWN": "2", "PATH": os.environ["PATH"]}
    assert lines(events_of(script, host, environment=only, clear_environment=True, format="text")) == ["//2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": ["no-such-command-anywhere"]}, "'no-such-command-anywhere' was not found"),
        ({"command": ["cat"], "prompt_file": "/no/such/prompt"}, "prompt_file '/no/such/prompt' cannot be read"),
        ({"command": ["cat"], "working_directory": "/no/such"}, "working_directory '/no/such' is no directory"),
    ],
)
def test_p10_what_cannot_work_is_told_before_anything_runs(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ExecReceiver(ExecConfig(**options)).start(Host("exec"))


def test_a_command_that_cannot_be_started_after_all_has_failed(events_of: EventsOf, tmp_path: Path) -> None:
    (tmp_path / "no-program").write_text("")
    (event,) = events_of([str(tmp_path / "no-program")])
    assert event.name == "agent.process.failed"
    assert event.attributes["process.exit.code"] == 126
    assert "cannot be started" in str(event.attributes["error.message"])


# ---- [A2] events ----


def test_a2_started_then_an_event_for_each_line_then_how_it_ended(events_of: EventsOf) -> None:
    before = time.time_ns()
    events = events_of(["sh", "-c", 'echo one; echo \'{"message": "two", "n": 2}\'; echo three >&2; sleep 0.1'])
    assert (names(events)[0], names(events)[-1]) == ("agent.process.started", "agent.process.completed")
    assert lines(events) == ["one", "two"]
    assert lines(events, "agent.process.stderr") == ["three"]
    assert next(event for event in events if event.body == "two").attributes["n"] == 2
    assert [event.attributes["beacon.sequence"] for event in events] == list(range(5))
    assert before < events[0].time_unix_nano <= events[-1].time_unix_nano <= time.time_ns()
    assert int(str(events[-1].attributes["beacon.duration_ms"])) >= 100
    assert events[-1].attributes["process.exit.code"] == 0


def test_a2_an_exit_code_is_a_failure(events_of: EventsOf) -> None:
    event = events_of(["sh", "-c", "exit 3"])[-1]
    assert (event.name, event.severity_text) == ("agent.process.failed", "ERROR")
    assert event.attributes["process.exit.code"] == 3
    assert event.attributes["beacon.outcome"] == "failure"


def test_a2_standard_error_can_be_left_out(events_of: EventsOf) -> None:
    assert len(events_of(["sh", "-c", "echo no >&2"], include_stderr=False)) == 2


def test_the_same_command_twice_gives_different_events(events_of: EventsOf) -> None:
    ids = {event.id for _ in range(2) for event in events_of(["echo", "x"])}
    assert len(ids) == 6, "a run is no repetition of another one"


# ---- [A3] the session ----


def test_a3_the_session_is_the_first_one_on_stdout(events_of: EventsOf) -> None:
    script = 'echo \'{"session_id": ""}\'; echo \'{"session_id": "s-1"}\'; echo x; echo \'{"session_id": "s-2"}\''
    events = events_of(["sh", "-c", script], format="jsonl")
    assert [event.attributes.get("session.id") for event in events] == [None, None, *["s-1"] * 4]


RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": True,
    "num_turns": 2,
    "total_cost_usd": 0.5,
    "usage": {"input_tokens": 7},
    "permission_denials": [{"tool_name": "Bash"}],
    "session_id": "s-1",
    "uuid": "u",
}


def test_a3_an_error_of_the_agent_with_exit_code_0_is_a_failure(events_of: EventsOf) -> None:
    event = events_of(["echo", json.dumps(RESULT)])[-1]
    assert event.name == "agent.process.failed"
    assert event.attributes["process.exit.code"] == 0
    assert event.attributes["session.id"] == "s-1"
    said = {key: event.attributes[key] for key in ("is_error", "subtype", "num_turns", "total_cost_usd", "usage")}
    assert said == {key: RESULT[key] for key in said}
    assert event.attributes["permission_denials"] == 1, "how many, not what was tried"


# ---- [A4] lines ----


def test_a4_a_line_of_64_mib_is_cut_in_bounded_memory_and_the_next_one_is_fine() -> None:
    program = (
        "import resource, sys\n"
        "from beacon_core import Host\n"
        "from beacon_core.receivers.exec import ExecConfig, ExecReceiver\n"
        "from beacon_core.testing import ListConsumer\n"
        'child = \'import os\\nfor n in range(1024): os.write(1, b"x" * 65536)\\nos.write(1, b"\\\\nnext\\\\n")\'\n'
        "consumer = ListConsumer()\n"
        "command = [sys.executable, '-S', '-c', child]\n"
        "receiver = ExecReceiver(ExecConfig(command=command, max_line_bytes='1MiB'))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "receiver.start(Host('exec')); receiver.run(consumer)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print([e.name for e in consumer.events], [len(e.body or '') for e in consumer.events],\n"
        "      [e.attributes.get('beacon.truncated') for e in consumer.events], grown)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE)
    told = "['agent.process.started', 'agent.process.stdout', 'agent.process.stdout', 'agent.process.completed'] "
    assert done.stdout.startswith(told + "[0, 1048576, 4, 0] [None, True, None, None]")
    assert int(done.stdout.split()[-1]) < 32 * (1024 if sys.platform == "linux" else 1024 * 1024)


def test_a4_bytes_that_are_no_utf_8_lose_no_line(events_of: EventsOf) -> None:
    program = 'import os; os.write(1, b\'\\xff\\xfe\\n{"message": "\\xe2\\x82"}\\n\\xe2\\x82\\xac\\n\\x00\\n\')'
    assert lines(events_of(python(program))) == ["\ufffd\ufffd", "\ufffd", "\u20ac", "\x00"]


def test_a4_ten_thousand_lines_arrive_in_order(events_of: EventsOf) -> None:
    counters = Counters()
    program = 'for n in range(10000): print(\'{"message": "line", "n": %d}\' % n)'
    events = events_of(python(program), Host("exec", counters))
    assert [event.attributes["n"] for event in events[1:-1]] == list(range(10_000))
    assert [event.attributes["beacon.sequence"] for event in events] == list(range(10_002))
    assert counters.get("lines", "exec") == 10_000


def test_a4_a_line_without_a_newline_arrives_too(events_of: EventsOf) -> None:
    assert lines(events_of(["printf", "a\\nb"], format="text")) == ["a", "b"]


def test_a_line_arrives_while_the_command_pauses(running: Callable[..., Any]) -> None:
    consumer = ListConsumer()
    running(["sh", "-c", "echo early; exec sleep 600"], consumer, format="text")
    wait_until(lambda: lines(consumer.events) == ["early"], PATIENCE, "the line never came")


# ---- [A5] the end ----


def test_a5_a_timeout_is_told_apart_from_a_failure(events_of: EventsOf) -> None:
    script = "trap '' TERM; echo here; while :; do sleep 600; done"
    event = events_of(["sh", "-c", script], timeout=0.5, grace=0.2)[-1]
    assert event.name == "agent.process.timeout"
    assert event.attributes["beacon.outcome"] == "timeout"
    assert event.attributes["process.exit.code"] == 128 + signal.SIGKILL


def test_a5_shutdown_cancels_and_tells(running: Callable[..., Any]) -> None:
    consumer = ListConsumer()
    run = running(["sh", "-c", "trap '' TERM; echo here; while :; do sleep 600; done"], consumer)
    wait_until(lambda: lines(consumer.events) == ["here"], PATIENCE, "the command never came")
    run.receiver.shutdown(2)
    assert run.ended()
    assert consumer.events[-1].name == "agent.process.cancelled"
    assert consumer.events[-1].attributes["beacon.outcome"] == "cancelled"


# ---- [A6] tee ----


def test_a6_the_tee_is_byte_for_byte() -> None:
    program = (
        "from beacon_core import Host\n"
        "from beacon_core.receivers.exec import ExecConfig, ExecReceiver\n"
        "from beacon_core.testing import ListConsumer\n"
        "command = ['printf', '\\\\377\\\\000{\"a\": 1}\\\\r\\\\n\\\\nlast']\n"
        "receiver = ExecReceiver(ExecConfig(command=command, tee=True))\n"
        "receiver.start(Host('exec')); receiver.run(ListConsumer())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=PATIENCE)
    assert done.stdout == b'\xff\x00{"a": 1}\r\n\nlast'
    assert done.stderr == b""


# ---- back-pressure ----


class Full:
    """A consumer that is full for as long as it is told to be."""

    def __init__(self) -> None:
        self.full = True
        self.tries = 0
        self.kept = ListConsumer()

    def consume(self, batch: Batch) -> None:
        self.tries += 1
        if self.full:
            raise QueueFullError("full", retry_after=0.01)
        self.kept.consume(batch)


def test_p1_while_the_queue_is_full_the_command_waits_and_nothing_is_lost(running: Callable[..., Any]) -> None:
    consumer = Full()
    run = running(python("for n in range(3000): print('x' * 1000, n)"), consumer, format="text")
    wait_until(lambda: consumer.tries >= 20, PATIENCE, "nothing was handed over")
    consumer.full = False
    assert run.ended()
    assert [str(body).split()[1] for body in lines(consumer.kept.events)] == [str(n) for n in range(3000)]
    assert consumer.kept.events[-1].name == "agent.process.completed"

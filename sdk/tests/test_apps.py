"""Real applications: with telemetry they print, return and end as without, and what happened is recorded once."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest

FRAMEWORKS = ["with_click", "with_typer", "with_argparse"]
ENDS = [
    ("", "success"),
    ("exit0", "success"),
    ("exit7", "error"),
    ("exit130", "cancelled"),
    ("return3", "error"),
    ("message", "error"),
    ("boom", "crash"),
    ("chained", "crash"),
    ("timeout", "timeout"),
    ("interrupt", "cancelled"),
    ("thread", "success"),
    ("asyncio", "success"),
    ("fork", "success"),
]
CRASHES = {"boom": "main", "chained": "main", "timeout": "main", "thread": "thread", "asyncio": "asyncio"}


def told(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("app", "what", "outcome"),
    # Typer takes half a second to start, and is followed as click is.
    [(app, *end) for app in FRAMEWORKS for end in (ENDS[::2] if app == "with_typer" else ENDS)],
)
def test_t3_t4_an_application_ends_as_without_telemetry_and_its_outcome_is_recorded(
    home: Any, app: str, what: str, outcome: str
) -> None:
    bare = home.run(app, "env", "claim", what, BARE="1")
    assert home.names() == []
    done = home.run(app, "env", "claim", what)
    assert told(done) == told(bare)
    commands = [record for record in home.records() if record["name"] == "command"]
    assert [command["attributes"]["beacon.command.name"] for command in commands] == ["env.claim"]
    assert commands[0]["attributes"]["beacon.outcome"] == outcome
    assert commands[0]["attributes"]["process.exit.code"] == (130 if done.returncode < 0 else done.returncode)
    crashes = [record["attributes"]["beacon.crash.source"] for record in home.records() if record["name"] == "crash"]
    assert crashes == ([CRASHES[what]] if what in CRASHES else [])


@pytest.mark.parametrize(
    "arguments", [["--help"], ["bogus"], ["env", "claim", "--nope"], ["env", "claim", "--count", "x"]]
)
@pytest.mark.parametrize("app", FRAMEWORKS)
def test_t2_help_and_wrong_use_look_as_without_telemetry_and_no_wrong_word_becomes_a_name(
    home: Any, app: str, arguments: list[str]
) -> None:
    assert told(home.run(app, *arguments)) == told(home.run(app, *arguments, BARE="1"))
    (command,) = home.records()
    name = {"--help": "acme", "bogus": "unknown"}.get(arguments[0], "env.claim")
    assert command["attributes"]["beacon.command.name"] == name
    assert command["attributes"]["beacon.outcome"] == ("success" if arguments == ["--help"] else "validation_error")
    assert b"nope" not in home.everything()


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_t2_flags_are_recorded_by_name_once_and_without_values(home: Any, app: str) -> None:
    home.run(app, "--verbose", "env", "claim", "--name=hunter2", "-n", "hunter3", "--count", "-5", "--", "--hunter4")
    (command,) = home.records()
    assert sorted(command["attributes"]["beacon.command.flags"]) == ["--count", "--name", "--verbose"]
    assert b"hunter" not in home.everything()


def test_shell_completion_looks_as_without_telemetry_and_is_no_command(home: Any) -> None:
    variables = {"_WITH_CLICK_PY_COMPLETE": "bash_complete", "COMP_WORDS": "acme env ", "COMP_CWORD": "2"}
    variables["_WITH_CLICK.PY_COMPLETE"] = variables["_WITH_CLICK_PY_COMPLETE"]  # of click before 8.2
    done = home.run("with_click", **variables)
    assert told(done) == told(home.run("with_click", BARE="1", **variables))
    assert "claim" in done.stdout
    assert home.names() == []


@pytest.mark.parametrize("app", [*FRAMEWORKS, "with_block"])
@pytest.mark.parametrize(("number", "outcome"), [(signal.SIGINT, "cancelled"), (signal.SIGTERM, "error")])
def test_t3_a_signal_ends_an_application_as_ever_and_is_recorded_then_or_by_the_next_command(
    home: Any, app: str, number: int, outcome: str
) -> None:
    arguments = ["sleep"] if app == "with_block" else ["env", "claim", "sleep"]
    ends = []
    for variables in ({"BARE": "1"}, {}):
        process = home.start(app, *arguments, **variables)
        assert process.stdout.readline() == "working\n"
        process.send_signal(number)
        printed, errors = process.communicate(timeout=60)
        # The signal comes before or after the application has gone to sleep.
        ends.append((printed, re.sub(r"line \d+, in act\n.*", "in act", errors), process.returncode))
    assert ends[0] == ends[1]
    home.flush("http://127.0.0.1:9")  # whoever looks next makes a journal without a process a file of the spool
    (command,) = home.records()
    assert command["attributes"]["beacon.outcome"] == outcome
    assert ("process.exit.code" in command["attributes"]) == (number == signal.SIGINT)


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_an_application_that_leaves_by_os_exit_is_recorded_by_the_next_command(home: Any, app: str) -> None:
    assert home.run(app, "env", "claim", "hard").returncode == 9
    assert len(home.names("journal-")) == 1
    home.run(app, "env", "claim")
    assert home.names("journal-") == []
    hard, normal = sorted(home.records(), key=lambda record: int(record["timeUnixNano"]))
    assert hard["attributes"]["error.type"] == "process_ended"
    assert normal["attributes"]["beacon.outcome"] == "success"


def hanging() -> socket.socket:
    """Return a server that takes connections and never says a word."""
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.parametrize("app", FRAMEWORKS)
@pytest.mark.parametrize("status", [401, 408, 429, 500, 0])
def test_t9_what_the_sidecar_answers_changes_nothing_for_the_command(
    home: Any, server: Any, app: str, status: int
) -> None:
    with hanging() as silent:
        server.answers = [status or 200]
        url = server.url if status else f"http://127.0.0.1:{silent.getsockname()[1]}"
        timeout = "45" if status else ""
        done = home.run(app, "env", "claim", "return3", BEACON_ENDPOINT=url, CI="true", BEACON_TRACK_TIMEOUT=timeout)
    assert told(done) == (3, "working\n", "")
    assert len(home.records("pending-", "taken-")) == (0 if status == 401 else 1)
    assert len(server.records()) == bool(status)


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_t7_without_a_network_the_events_wait(home: Any, app: str) -> None:
    for _ in range(2):
        assert told(home.run(app, "env", "claim", BEACON_ENDPOINT="http://127.0.0.1:9")) == (0, "working\n", "")
    assert len(home.records("pending-", "taken-")) == 2


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_a_home_that_cannot_be_written_changes_nothing_and_a_sidecar_gets_the_events(
    home: Any, server: Any, app: str
) -> None:
    home.environ.update(XDG_STATE_HOME="/proc/none", XDG_CONFIG_HOME="/proc/none", TMPDIR="/proc/none")
    assert told(home.run(app, "env", "claim", "return3")) == (3, "working\n", "")
    assert told(home.run(app, "env", "claim", "return3", BEACON_ENDPOINT=server.url, CI="1")) == (3, "working\n", "")
    assert [record["name"] for record in server.records()] == ["command"]


def test_where_only_the_home_cannot_be_written_the_events_wait_in_a_private_temporary_directory(home: Any) -> None:
    home.environ.update(XDG_STATE_HOME="/proc/none", XDG_CONFIG_HOME="/proc/none")
    assert home.run("with_click", "env", "claim").returncode == 0
    (directory,) = (home.path / "tmp").iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [path.name.partition("-")[0] for path in directory.iterdir()] == ["pending"]


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are those of POSIX")
@pytest.mark.parametrize("app", FRAMEWORKS)
def test_a_full_disk_changes_nothing_and_leaves_no_half_of_an_event(home: Any, app: str) -> None:
    limited = f"ulimit -f 0; exec {' '.join(home.command(app, 'env', 'claim', 'return3'))} </dev/null 2>&1 | cat"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", limited],
        env=home.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (3, "working\n")
    home.flush("http://127.0.0.1:9")
    assert all(command["name"] == "command" for command in home.records())
    assert home.names("corrupt-") == home.names("part-") == []


def test_t8_the_output_of_a_command_ends_with_the_command_though_its_flusher_goes_on(
    home: Any, wait: Callable[..., Any]
) -> None:
    with hanging() as silent:
        silent.settimeout(60)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        begin = time.monotonic()
        done = home.run("with_click", "env", "claim", ACME_ENDPOINT=url)  # returns at the end of both pipes
        link, _ = silent.accept()  # and now the flusher is at it
        assert told(done) == (0, "working\n", "")
        (taken,) = wait(lambda: home.names("taken-"), "the flusher takes the file")
        flusher = int(taken.split("-")[1])
        assert Path(f"/proc/{flusher}/cwd").exists() or sys.platform != "linux"
        link.close()
        wait(lambda: home.names("pending-"), "the flusher gives the file back")
        assert time.monotonic() - begin < 60

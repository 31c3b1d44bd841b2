"""[T5] Crash reports: what they say, that they never make things worse, and that the program sees nothing of it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

SETUP = "import sys; from beacon_track import Telemetry; t = Telemetry(app='acme', version='1')\n"


def run(home: Any, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a file, so that its traceback has its lines."""
    path = home.path / "program.py"
    path.write_text(SETUP + program)
    return subprocess.run(
        [sys.executable, str(path)], env=home.environ, capture_output=True, text=True, check=False, timeout=60
    )


def crashes(home: Any) -> list[dict[str, Any]]:
    return [record["attributes"] for record in home.records() if record["name"] == "crash"]


def test_t5_a_crash_has_type_message_and_stack_without_source_values_and_directories(home: Any) -> None:
    program = "import json\ndef inner(secret):\n    json.loads(secret)\nwith t.track('x'):\n    inner('{hunter2')\n"
    done = run(home, program)
    assert done.returncode == 1
    (found,) = crashes(home)
    assert found["exception.type"] == "json.decoder.JSONDecodeError"
    assert found["exception.message"].startswith("Expecting property name")
    lines = found["exception.stacktrace"].splitlines()
    assert lines[:2] == ["program.py:6 <module>", "program.py:4 inner"]
    assert lines[2].startswith("json:")
    assert lines[-1] == "json.decoder.JSONDecodeError"
    assert b"hunter2" not in home.everything().replace(b"inner('{hunter2')", b"")
    assert str(home.path) not in str(found)


def test_t5_causes_come_first_and_a_long_stack_loses_its_beginning(home: Any) -> None:
    program = (
        "def deep(n):\n"
        "    if n: deep(n - 1)\n"
        "    try: {}['k']\n"
        "    except KeyError as error: raise RuntimeError('second') from error\n"
        "with t.track('x'): deep(300)\n"
    )
    run(home, program)
    (found,) = crashes(home)
    stack = found["exception.stacktrace"]
    assert len(stack) <= 4096
    assert stack.splitlines()[-1] == "RuntimeError"
    (home.path / "state").rename(home.path / "before")
    run(home, program.replace("300", "1"))
    lines = crashes(home)[0]["exception.stacktrace"].splitlines()
    assert lines.index("KeyError") < lines.index("which led to") < lines.index("RuntimeError")


def test_t5_message_and_stack_are_redacted_then_cut_to_1024_and_4096_with_the_mark(home: Any) -> None:
    program = (
        "def f(n): return f(n - 1) if n else 1 // 0\n"
        "names = [f'a_function_with_quite_a_long_name_{n}' for n in range(90)]\n"
        "source = '\\n'.join(f'def {a}(): return {b}()' for a, b in zip(names, [*names[1:], 'fail']))\n"
        "def fail(): raise ValueError('x ' * 500 + 'sk_live_FAKE0000 ' + 'y ' * 5000)\n"
        "exec(source)\n"
        "with t.track('x'): globals()[names[0]]()\n"
    )
    run(home, program)
    (found,) = crashes(home)
    assert len(found["exception.message"]) == 1024
    assert found["exception.message"].endswith("[TRUNCATED]")
    assert "FAKE" not in found["exception.message"]
    assert len(found["exception.stacktrace"]) <= 4096
    assert found["exception.stacktrace"].startswith("[TRUNCATED]\n")
    assert found["exception.stacktrace"].splitlines()[-2:] == ["program.py:5 fail", "ValueError"]


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise SystemExit", "raise KeyboardInterrupt", "raise GeneratorExit"])
def test_t5_deliberate_exits_are_no_crashes(home: Any, end: str) -> None:
    run(home, f"with t.track('x'):\n    {end}\n")
    assert crashes(home) == []
    assert len(home.records()) == 1


def test_t5_a_thread_that_is_told_to_exit_has_not_crashed(home: Any) -> None:
    program = "import threading\nwith t.track('x'):\n    a = threading.Thread(target=sys.exit); a.start(); a.join()\n"
    assert run(home, program).stderr == ""
    assert crashes(home) == []


@pytest.mark.parametrize(
    "strange",
    [
        "class E(Exception):\n    def __str__(self): raise ValueError('in str')\n",
        "class E(Exception):\n    def __str__(self): raise E()\n",
        "class E(Exception):\n    def __getattr__(self, name): raise ValueError(name)\n",
        "class E(Exception):\n    def __str__(self): return '\\ud800'\n",
        "class E(Exception):\n    __module__ = None\n",
        "class E(Exception):\n    def __str__(self): return 'x' * 50_000_000\n",
    ],
)
def test_t5_an_exception_that_is_itself_broken_changes_nothing_for_the_program(home: Any, strange: str) -> None:
    plain = run(home, f"{strange}raise E()\n")
    done = run(home, f"{strange}with t.track('x'): raise E()\n")
    assert done.returncode == plain.returncode == 1
    assert done.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]
    assert "beacon_track" not in done.stderr
    assert [record["attributes"]["beacon.command.name"] for record in home.records() if record["name"] == "command"]


def test_t5_the_hooks_that_were_there_are_called_with_what_they_would_have_got(home: Any) -> None:
    program = (
        "import threading\n"
        "sys.excepthook = lambda kind, error, traceback: print('mine', kind.__name__, error, traceback is not None)\n"
        "threading.excepthook = lambda args: print('thread', args.exc_type.__name__, args.thread.name)\n"
        "with t.track('x'):\n"
        "    a = threading.Thread(target=lambda: 1 // 0, name='w'); a.start(); a.join()\n"
        "    raise ValueError('boom')\n"
    )
    done = run(home, program)
    assert done.stdout.splitlines() == ["thread ZeroDivisionError w", "mine ValueError boom True"]
    assert [found["beacon.crash.source"] for found in crashes(home)] == ["thread", "main"]


def test_t5_hooks_that_call_each_other_in_a_circle_end(home: Any) -> None:
    program = (
        "with t.track('x'): pass\n"
        "ours = sys.excepthook\n"
        "sys.excepthook = lambda *a: (print('theirs'), ours(*a))\n"
        "with t.track('y'): raise ValueError('boom')\n"
    )
    done = run(home, program)
    assert done.stdout == "theirs\n"
    assert done.stderr.count("ValueError: boom") == 1
    assert len(crashes(home)) == 1


def test_t5_an_event_loop_keeps_its_own_handler(home: Any) -> None:
    program = (
        "import asyncio\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    loop.set_exception_handler(lambda loop, context: print('mine', context['exception']))\n"
        "    t.watch_loop()\n"
        "    loop.call_soon(lambda: 1 // 0)\n"
        "    await asyncio.sleep(0.01)\n"
        "asyncio.run(main())\n"
    )
    assert run(home, program).stdout.startswith("mine ")
    assert [found["beacon.crash.source"] for found in crashes(home)] == ["asyncio"]


def test_t5_a_command_in_a_coroutine_has_its_loop_watched_once(home: Any) -> None:
    program = (
        "import asyncio\n"
        "@t.track('x')\n"
        "async def main():\n"
        "    t.watch_loop()\n"
        "    asyncio.get_running_loop().call_soon(lambda: 1 // 0)\n"
        "    await asyncio.sleep(0.01)\n"
        "asyncio.run(main())\n"
    )
    done = run(home, program)
    assert done.stderr.count("ZeroDivisionError") == 1
    assert [found["beacon.crash.source"] for found in crashes(home)] == ["asyncio"]


def test_t5_a_crash_is_on_disk_before_the_program_goes_on(home: Any) -> None:
    run(home, "import os\nwith t.track('x'): t.report(ValueError('boom')); os._exit(1)\n")
    assert [record["name"] for record in home.records("journal-")[-1:]] == ["crash"]


def test_t5_what_is_reported_and_raised_again_is_one_crash(home: Any) -> None:
    program = "with t.track('x'):\n    try: 1 // 0\n    except ZeroDivisionError as error: t.report(error); raise\n"
    run(home, program)
    assert [found["beacon.crash.source"] for found in crashes(home)] == ["reported"]


def test_frames_of_this_package_are_neither_in_a_report_nor_in_a_traceback(home: Any) -> None:
    program = "@t.track('x')\ndef f(): 1 // 0\nf()\n"
    done = run(home, program)
    assert crashes(home)[0]["exception.stacktrace"] == "program.py:4 <module>\nprogram.py:3 f\nZeroDivisionError"
    assert done.stderr.count("File ") == 2

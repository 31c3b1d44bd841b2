"""Running a command: its output, its end, and the end of all that it started. Real processes throughout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core.process import CommandError, Output, Process, ProcessOutcome, run_process
from beacon_core.testing.watching import wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and process groups are POSIX's")
PATIENCE = 60.0


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


def run(command: list[str], **options: Any) -> tuple[ProcessOutcome, dict[str, bytes]]:
    pieces: list[Output] = []
    outcome = run_process(command, pieces.append, **options)
    joined = {name: b"".join(p.data for p in pieces if p.stream == name) for name in ("stdout", "stderr")}
    assert [p.stream for p in pieces if not p.data].count("stdout") == 1, "each stream ends once"
    return outcome, joined


def is_gone(pid: int) -> bool:
    """Whether a process runs no more: it may be a zombie where nobody reaps orphans."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        state = ""
    if state:
        return state == "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def pid_file(tmp_path: Path) -> Iterator[Callable[[], int]]:
    """The process id that a grandchild writes; it is killed at the end of the test."""
    path, seen = tmp_path / "pid", []

    def read() -> int:
        wait_until(lambda: path.exists() and path.read_text().endswith("\n"), PATIENCE, "the grandchild never came")
        seen.append(int(path.read_text()))
        return seen[-1]

    yield read
    for pid in seen:
        if not is_gone(pid):
            os.kill(pid, signal.SIGKILL)


def test_output_exit_code_and_duration() -> None:
    outcome, output = run(["sh", "-c", "printf out; printf err >&2; exit 3"])
    assert (outcome.ending, outcome.exit_code) == ("failed", 3)
    assert outcome.duration_ns > 0
    assert output == {"stdout": b"out", "stderr": b"err"}
    assert run(["true"])[0].ending == "completed"


def test_a_signal_that_ended_it_shows_in_the_exit_code() -> None:
    assert run(["sh", "-c", "kill -9 $$"])[0].exit_code == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["no-such-command-anywhere"], 127, "was not found"),
        (["/etc/passwd"], 126, "cannot be started: Permission denied"),
        (["true", "nul\0"], 126, "an argument or a variable"),
    ],
)
def test_a_command_that_cannot_be_started_is_told_as_a_shell_would(command: list[str], code: int, message: str) -> None:
    with pytest.raises(CommandError, match=message) as caught:
        run(command)
    assert caught.value.exit_code == code


def test_a_working_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="working directory"):
        run(["true"], working_directory=tmp_path / "gone")
    outcome, output = run(["pwd"], working_directory=tmp_path, env={"PATH": os.environ["PATH"]})
    assert output["stdout"].strip() == os.fsencode(tmp_path.resolve())
    assert outcome.exit_code == 0


def test_a1_standard_input_is_empty_or_bytes_or_a_file(tmp_path: Path) -> None:
    assert run(["cat"])[1]["stdout"] == b""
    much = b"prompt\n" * 100_000
    assert run(["cat"], stdin=much)[1]["stdout"] == much
    assert run(["true"], stdin=much)[0].exit_code == 0, "a command need not read it"
    (tmp_path / "prompt").write_bytes(b"from a file")
    with (tmp_path / "prompt").open("rb") as file:
        assert run(["cat"], stdin=file)[1]["stdout"] == b"from a file"


# ---- [A6] tee ----


def test_a6_the_tee_gets_every_byte_of_both_streams(tmp_path: Path) -> None:
    program = "import os\nfor n in range(500): os.write(1, bytes(range(256))); os.write(2, b'\\xff\\x00' * 50)"
    files = {"stdout": tmp_path / "out", "stderr": tmp_path / "err"}
    with files["stdout"].open("wb") as out, files["stderr"].open("wb") as err:
        _, output = run(python(program), tee={"stdout": out.fileno(), "stderr": err.fileno()})
    assert {name: path.read_bytes() for name, path in files.items()} == output
    assert output["stdout"] == bytes(range(256)) * 500


def test_a6_a_tee_that_nobody_reads_any_more_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    outcome, output = run(python("for n in range(20000): print(n)"), tee={"stdout": writing})
    os.close(writing)
    assert outcome.exit_code == 0
    assert output["stdout"].endswith(b"19999\n")


# ---- [A4] pipes ----


def test_a4_a_child_that_closes_stdout_early_is_waited_for() -> None:
    program = "import os, time\nos.write(1, b'last'); os.close(1); time.sleep(0.3); os.write(2, b'after'); os._exit(7)"
    outcome, output = run(python(program))
    assert outcome.exit_code == 7
    assert output == {"stdout": b"last", "stderr": b"after"}


def test_a4_a_grandchild_that_keeps_the_pipe_open_does_not_keep_the_reader(
    tmp_path: Path, pid_file: Callable[[], int]
) -> None:
    script = f"sh -c 'echo $$ > \"{tmp_path}/pid\"; exec sleep 600' & echo done"
    outcome, output = run(["sh", "-c", script])
    assert outcome.ending == "completed"
    assert output["stdout"] == b"done\n"
    assert not is_gone(pid_file()), "what a command leaves behind on purpose stays"


def test_a4_a_grandchild_that_never_stops_writing_does_not_keep_the_reader(
    tmp_path: Path, pid_file: Callable[[], int]
) -> None:
    script = f"sh -c 'echo $$ > \"{tmp_path}/pid\"; exec yes' & sleep 0.1"
    outcome, output = run(["sh", "-c", script])
    pid_file()
    assert outcome.ending == "completed"
    assert output["stdout"].startswith(b"y\ny\n")


def test_while_nobody_takes_anything_the_command_waits_and_nothing_is_lost() -> None:
    process = Process(python("import os\nfor n in range(400): os.write(1, b'x' * 10000)"))
    process.start()
    time.sleep(0.3)  # long enough to write 4 MB, had somebody read them
    assert process.outcome is None
    size = 0
    while not process.ended:
        piece = process.read(PATIENCE)
        size += len(piece.data) if piece else 0
    assert size == 4_000_000
    assert process.outcome is not None


# ---- [A5] time-outs and cancelling ----


def test_a5_a_timeout_is_no_failure() -> None:
    outcome, _ = run(["sleep", "600"], timeout=0.2)
    assert outcome.ending == "timeout"
    assert outcome.exit_code == 128 + signal.SIGTERM


def test_a5_a_child_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 600; done"
    outcome, output = run(["sh", "-c", script], timeout=1.0, grace=0.3)
    assert output["stdout"] == b"ready\n"
    assert (outcome.ending, outcome.exit_code) == ("timeout", 128 + signal.SIGKILL)


def test_a5_a_grandchild_that_ignores_sigterm_goes_with_its_group(tmp_path: Path, pid_file: Callable[[], int]) -> None:
    script = f'(trap "" TERM; sh -c \'echo $$ > "{tmp_path}/pid"; while :; do sleep 600; done\') & wait'
    outcome, _ = run(["sh", "-c", script], timeout=1.0, grace=0.3)
    assert outcome.ending == "timeout"
    wait_until(lambda: is_gone(pid_file()), PATIENCE, "the grandchild still runs")


def test_a5_a_descendant_in_a_session_of_its_own_goes_too(tmp_path: Path, pid_file: Callable[[], int]) -> None:
    program = (
        "import subprocess, time\n"
        f"child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(f'{{child.pid}}\\n')\n"
        "time.sleep(600)"
    )
    process = Process(python(program), grace=0.3)
    process.start()
    pid = pid_file()
    process.cancel()
    while not process.ended:
        process.read(PATIENCE)
    assert process.outcome is not None
    assert process.outcome.ending == "cancelled"
    wait_until(lambda: is_gone(pid), PATIENCE, "the descendant still runs")


def test_a5_cancelling_lets_the_command_say_its_last_words() -> None:
    process = Process(["sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"])
    process.start()
    output = b""
    while not process.ended:
        piece = process.read(PATIENCE)
        output += piece.data if piece and piece.stream == "stdout" else b""
        if output == b"ready\n":
            process.cancel()
            process.cancel()
    assert output == b"ready\nbye\n"
    assert process.outcome is not None
    assert (process.outcome.ending, process.outcome.exit_code) == ("cancelled", 0)


def test_a5_the_time_goes_on_while_nobody_takes_the_output() -> None:
    process = Process(["yes"], timeout=0.3)
    process.start()
    pid = process.pid
    wait_until(lambda: is_gone(pid), PATIENCE, "it still runs")
    while not process.ended:
        process.read(PATIENCE)
    assert process.outcome is not None
    assert process.outcome.ending == "timeout"


def test_an_error_of_the_one_who_reads_ends_the_command() -> None:
    seen: list[int] = []

    def fail(piece: Output) -> None:
        seen.append(int(piece.data))
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run_process(["sh", "-c", "echo $$; exec sleep 600"], fail)
    wait_until(lambda: is_gone(seen[0]), PATIENCE, "it still runs")


def test_no_thread_and_no_descriptor_is_left() -> None:
    run(["true"])
    threads = threading.active_count()
    descriptors = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(5):
        run(["echo", "x"])
    wait_until(lambda: threading.active_count() <= threads, PATIENCE, "threads are left")
    if descriptors:
        assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors


def test_many_open_descriptors_do_no_harm() -> None:
    """select() knows 1024 of them; a service may have more."""
    program = (
        "import resource, os\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "kept = [os.open('/dev/null', os.O_RDONLY) for _ in range(1100)]\n"
        "from beacon_core.process import run_process\n"
        "print(run_process(['echo', 'x'], lambda piece: None).exit_code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == "0\n"

"""`beacon ci exec`: the command's exit code, signals, environment and terminal are what they were without it."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.e2e.ci.job import BEACON, DEADLINE, Job, alive, body, wait

#: Posts a log record to the endpoint in its environment, as an agent does, with nothing but the standard library.
AGENT = """
import os, sys, urllib.request
url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/logs"
request = urllib.request.Request(url, sys.argv[1].encode(), {"Content-Type": "application/json"})
urllib.request.urlopen(request, timeout=30).read()
"""


def agent(*more: str) -> list[str]:
    return [sys.executable, "-c", AGENT, body().decode(), *more]


def test_c1_the_command_reports_and_the_receipt_is_on_stderr(job: Job) -> None:
    done = job.ci("exec", "--outcome", "outcome.json", "--", "sh", "-c", 'echo out; echo err >&2; "$@"', "sh", *agent())
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out\n"
    assert done.stderr.startswith("err\n")
    assert "received 1; balanced" in done.stderr
    assert len(job.lines()) == 1
    outcome = json.loads((job.work / "outcome.json").read_text())
    assert outcome["result"] == "ok"
    assert outcome["receipt"]["exporters"]["file"]["delivered"] == 1
    assert job.left() == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["/nonexistent/agent"], 127),
        (["./not-executable"], 126),
        (["sh", "-c", "kill -KILL $$"], 137),
    ],
    ids=lambda value: str(value[-1]) if isinstance(value, list) else str(value),
)
def test_c1_p9_the_exit_code_is_the_commands_although_no_telemetry_came(
    job: Job, command: list[str], code: int
) -> None:
    (job.work / "not-executable").write_text("")
    done = job.ci("exec", "--", *command)
    assert done.returncode == code
    assert "validation warning: event_count" in done.stderr
    assert job.left() == []


def test_c1_p9_strict_alone_lets_telemetry_change_the_code(job: Job) -> None:
    assert job.ci("exec", "--strict", "--", "true").returncode == 1
    assert job.ci("exec", "--strict", "--", "sh", "-c", "exit 3").returncode == 3
    assert job.ci("exec", "--strict", "--", *agent()).returncode == 0
    done = job.ci("exec", "--outcome", "missing/outcome.json", "--", "sh", "-c", "exit 4")
    assert done.returncode == 4
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_option_is_a_usage_error_and_not_the_command(job: Job) -> None:
    done = job.ci("exec", "--stict", "--", "touch", "ran")
    assert done.returncode == 2
    assert "--strict" in done.stderr
    assert list(job.work.iterdir()) == []


def test_p9_that_nobody_reads_what_beacon_says_changes_nothing(job: Job) -> None:
    (job.work / "wrong.yaml").write_text("no pipeline\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = job.ci(
        *("exec", "--pipeline", "wrong.yaml", "--", "sh", "-c", "exit 5"),
        capture_output=False,
        stdout=subprocess.DEVNULL,
        stderr=writing,
    )
    os.close(writing)
    assert done.returncode == 5


def test_p9_a_pipeline_that_cannot_start_does_not_keep_the_command_from_running(job: Job) -> None:
    (job.work / "wrong.yaml").write_text("exporters: {x: {token: '${env:MY_TOKEN}'}}\n")
    job.environ |= {"MY_TOKEN": "made-up-token-1", "BEACON_CI_SPLUNK_HEC_TOKEN": "made-up-token-2"}
    script = "env | grep -c made-up; exit 5"
    done = job.ci("exec", "--pipeline", "wrong.yaml", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout) == (5, "0\n")
    assert "there is no telemetry of this command" in done.stderr
    done = job.ci("exec", "--strict", "--pipeline", "wrong.yaml", "--", "touch", "ran")
    assert done.returncode == 1
    assert not (job.work / "ran").exists()


def test_p9_a_base_directory_that_cannot_be_written_does_not_keep_the_command_from_running(job: Job) -> None:
    job.base.write_text("a file")
    done = job.ci("exec", "--", "sh", "-c", "exit 4")
    assert done.returncode == 4
    assert "there is no telemetry of this command" in done.stderr


def test_p9_a_sidecar_that_is_killed_does_not_end_the_command_and_what_it_had_is_delivered(job: Job) -> None:
    pid = r"""pid=$(sed -n 's/.*"pid": \([0-9]*\),.*/\1/p' ../base/ready.json)"""
    script = f'"$@"; {pid}; kill -KILL $pid; while kill -0 $pid 2> /dev/null; do sleep 0.05; done; exit 6'
    done = job.ci("exec", "--", "sh", "-c", script, "sh", *agent())
    assert done.returncode == 6
    assert "the sidecar ended with code -9" in done.stderr
    assert "what it had accepted is delivered now" in done.stderr
    assert len(job.lines()) == 1


def test_c12_p7_the_exporters_tokens_are_not_in_the_commands_environment_nor_anywhere_else(job: Job) -> None:
    token = "made-up-0f3c-token-77"
    pipeline = job.run([BEACON, "ci", "print-pipeline"]).stdout.replace(
        "exporters: [file]", "exporters: [file, splunk_hec]"
    )
    own = 'exporters:\n  splunk_hec: {endpoint: "${env:SPLUNK_URL}", token: "${env:OUR_TOKEN}", source: "${env:WHO}"}\n'
    (job.work / "own.yaml").write_text(pipeline)
    (job.work / "more.yaml").write_text(own)
    job.environ |= {"OUR_TOKEN": token, "SPLUNK_URL": "http://127.0.0.1:9", "WHO": "me", "COPY": f"Splunk {token}"}
    look = (
        "import os, psutil, subprocess\n"
        "print(sorted(n for n in os.environ if n in ('OUR_TOKEN', 'COPY', 'WHO', 'SPLUNK_URL')))\n"
        "for p in psutil.process_iter():\n"
        "    try: print([w for w in p.cmdline() if 'made-up-0f3c' + '-token' in w])\n"
        "    except psutil.Error: pass\n"
    )
    files = ["--pipeline", "own.yaml", "--pipeline", "more.yaml", "--spool-dir", "spool", "--report", "run.html"]
    summary = job.folder / "summary.md"
    job.environ["GITHUB_STEP_SUMMARY"] = str(summary)
    script = '"$@" && exec python look.py'
    (job.work / "look.py").write_text(look)
    done = job.ci("exec", *files, "--grace", "4s", "--", "sh", "-c", script, "sh", *agent())
    assert done.returncode == 0, done.stderr
    names, *words = done.stdout.splitlines()
    assert names == "['SPLUNK_URL', 'WHO']"
    assert set(words) == {"[]"}
    assert "1 events are in" in done.stderr
    assert token not in done.stdout + done.stderr
    written = [path for path in job.folder.rglob("*") if path.is_file()]
    assert {"runtime.jsonl", "session.json", "run.html", "summary.md", "queue.db"} <= {path.name for path in written}
    for path in written:
        assert token.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_c1_signals_are_passed_on_and_the_session_ends_in_order(job: Job, number: signal.Signals) -> None:
    script = f'trap "echo got; exit 9" {number.name[3:]}; "$@"; touch ready; while :; do sleep 0.05; done'
    process = job.popen("exec", "--", "sh", "-c", script, "sh", *agent())
    wait((job.work / "ready").exists)
    process.send_signal(number)
    output, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, output) == (9, "got\n"), errors
    assert "received 1; balanced" in errors
    assert job.left() == []


def test_c1_the_command_has_a_process_group_of_its_own_and_all_of_it_gets_the_signal(job: Job) -> None:
    process = job.popen("exec", "--", "sh", "-c", "sleep 600 & sleep 600 & ps -o pgid= $$ | tr -d ' ' > group; wait")
    wait(lambda: (job.work / "group").exists() and (job.work / "group").read_text().strip())
    group = int((job.work / "group").read_text())
    assert group not in (os.getpgid(process.pid), os.getpgrp())
    process.terminate()
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 143
    wait(lambda: job.left() == [], "all of the group ends")


def test_c1_a_signal_before_the_command_was_started_starts_nothing(job: Job) -> None:
    process = job.popen("exec", "--", "touch", "ran")
    wait((job.base / "collector.log").exists)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=DEADLINE)
    if (job.work / "ran").exists():
        return  # it was faster
    assert process.returncode == 143, errors
    assert job.left() == []


def test_p9_an_exec_that_is_killed_takes_its_sidecar_along_and_what_came_is_delivered(job: Job) -> None:
    script = '"$@"; touch ready; exec sleep 600'
    process = job.popen("exec", "--", "sh", "-c", script, "sh", *agent(), stdout=None, stderr=None)
    wait((job.work / "ready").exists)
    sidecar = job.state()["pid"]
    process.kill()
    process.wait(DEADLINE)
    wait(lambda: not alive(sidecar))
    assert len(job.lines()) == 1


def test_item_6_orphans_are_reaped_where_nobody_else_does(job: Job) -> None:
    """As the first process of a container does; with PR_SET_CHILD_SUBREAPER any process inherits orphans."""
    if sys.platform != "linux":
        pytest.skip("other systems have no subreapers")
    adopt = (
        "import ctypes, os, sys\n"
        "assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0\n"  # PR_SET_CHILD_SUBREAPER, prctl(2)
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    orphan = "sh -c 'sleep 0.2 & echo $! >> orphans' ; sh -c 'sleep 0.3 & echo $! >> orphans'; sleep 1; ps -o stat= -p "
    script = orphan + "$(paste -sd, orphans) || echo none; exit 3"
    words = [BEACON, "ci", "exec", "--base-dir", str(job.base), "--", "sh", "-c", script]
    done = job.run([sys.executable, "-c", adopt, *words])
    assert (done.returncode, done.stdout) == (3, "none\n"), done.stderr


def test_item_6_it_works_as_the_first_process_of_a_container(job: Job) -> None:
    alone = ["unshare", "--fork", "--pid", "--mount-proc"]
    if sys.platform != "linux" or job.run([*alone, "true"]).returncode:
        pytest.skip("process namespaces cannot be made here")
    script = '"$@"; (sleep 0.2 &); sleep 0.7; test "$PPID" = 1 && ! ps -o stat= ax | grep Z; exit $((9 + $?))'
    words = [BEACON, "ci", "exec", "--base-dir", str(job.base), "--", "sh", "-c", script, "sh", *agent()]
    done = job.run([*alone, *words])
    assert done.returncode == 9, done.stderr
    assert len(job.lines()) == 1


def test_item_6_without_terminal_with_a_read_only_home_and_200_kb_of_environment(job: Job) -> None:
    (job.folder / "home").chmod(0o500)
    job.environ |= {f"FILLING_{number}": "x" * 1000 for number in range(200)}
    script = 'test "$(env | wc -c)" -gt 200000 && "$@"'
    done = job.ci("exec", "--", "sh", "-c", script, "sh", *agent(), stdin=subprocess.DEVNULL, start_new_session=True)
    (job.folder / "home").chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert len(job.lines()) == 1


def test_item_6_two_jobs_on_one_machine_in_the_default_directory_both_report(job: Job) -> None:
    first = subprocess.Popen(
        [
            BEACON,
            "ci",
            "exec",
            "--",
            "sh",
            "-c",
            '"$@"; touch ready; until [ -e go ]; do sleep 0.05; done',
            "sh",
            *agent(),
        ],
        cwd=job.work,
        env=job.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait((job.work / "ready").exists)
    done = job.ci("exec", "--", "sh", "-c", '"$@"', "sh", *agent(), base=False)
    (job.work / "go").touch()
    _, errors = first.communicate(timeout=DEADLINE)
    assert (first.returncode, done.returncode) == (0, 0)
    assert "received 1; balanced" in errors
    assert "received 1; balanced" in done.stderr


def test_a_command_that_leaves_something_running_is_not_waited_for_without_end(job: Job) -> None:
    done = job.ci("exec", "--", "sh", "-c", "sleep 600 > /dev/null 2>&1 &")
    assert done.returncode == 0
    assert [process.name() for process in job.left()] == ["sleep"]


class Screen:
    """A terminal, and what is typed into it."""

    def __init__(self, job: Job, script: str) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:  # pragma: no cover - another process
            os.chdir(job.work)
            os.execve("/bin/sh", ["sh", "-c", script], job.environ | {"TERM": "dumb"})
        self.seen = b""

    def expect(self, text: bytes) -> None:
        deadline = time.monotonic() + DEADLINE
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            ready, _, _ = select.select([self.terminal], [], [], 1)
            if ready:
                try:
                    piece = os.read(self.terminal, 4096)
                except OSError:  # the other end is closed
                    piece = b""
                assert piece or text in self.seen, self.seen
                self.seen += piece

    def type(self, text: bytes) -> None:
        os.write(self.terminal, text)

    def end(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


def test_c1_with_a_terminal_the_command_reads_from_it_and_ctrl_c_is_for_the_command_alone(job: Job) -> None:
    command = (
        'read line; echo "read $line"; trap "echo interrupted; exit 8" INT; echo waiting; while :; do sleep 0.1; done'
    )
    screen = Screen(job, f"exec {BEACON} ci exec --base-dir {job.base} -- sh -c '{command}'")
    screen.type(b"hello\n")
    screen.expect(b"read hello")
    screen.expect(b"waiting")
    screen.type(b"\x03")
    screen.expect(b"interrupted")
    screen.expect(b"balanced")
    assert screen.end() == 8


def test_c1_ctrl_z_stops_the_command_and_fg_lets_it_go_on(job: Job) -> None:
    command = 'echo begun; read line; echo "read $line"; exit 5'
    script = (
        f"set -m; {BEACON} ci exec --base-dir {job.base} -- sh -c '{command}'; echo stopped with $?;"
        " fg; echo ended with $?"
    )
    screen = Screen(job, script)
    screen.expect(b"begun")
    screen.type(b"\x1a")
    screen.expect(b"stopped with 1")
    screen.type(b"again\n")
    screen.expect(b"read again")
    screen.expect(b"ended with 5")
    assert screen.end() == 0
    assert psutil.pid_exists(job.state()["pid"]) is False

"""`beacon ci start`, `stop` and `status`: what they write, what they find, and what they refuse."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.ci.job import Job, alive, body, kill, post, wait


def test_c2_start_returns_when_the_sidecar_accepts_and_stop_delivers_and_validates(job: Job) -> None:
    state = job.start("--harness", "claude")
    assert post(state["endpoints"]["http"], body(3, "user_prompt")) == 200
    outcome = job.stop()
    assert outcome["result"] == "ok"
    assert [stage["name"] for stage in outcome["validation"]["stages"]] == [
        *("runtime_log_exists", "runtime_log_parseable", "event_count", "harness_events")
    ]
    assert outcome["validation"]["agents"] == {"claude_code": 3}
    assert outcome["receipt"]["exporters"]["file"]["delivered"] == 3
    assert len(job.lines()) == 3
    assert not alive(state["pid"])


def test_c2_the_sidecar_is_detached_from_the_step(job: Job) -> None:
    state = job.start(environ={"RUNNER_TRACKING_ID": "github_1234"})
    process = psutil.Process(state["pid"])
    assert os.getsid(process.pid) == process.pid
    assert "RUNNER_TRACKING_ID" not in process.environ()
    assert process.environ()["BEACON_NONCE"] == state["nonce"]
    if sys.platform == "linux":
        links = {n: str(Path(f"/proc/{process.pid}/fd/{n}").readlink()) for n in (0, 1, 2)}
        assert links == {0: "/dev/null", 1: str(job.base / "collector.log"), 2: str(job.base / "collector.log")}
    job.stop("--require-telemetry=false")


def test_c3_every_file_is_for_its_owner_only_and_a_new_directory_is_as_well(job: Job) -> None:
    state = job.start()
    post(state["endpoints"]["http"], body())
    job.stop()
    assert stat.S_IMODE(job.base.stat().st_mode) == 0o700
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in job.base.iterdir()}
    wanted = {"runtime.jsonl", "session.json", "pipeline.yaml", "collector.log", "queue.db", "receipt.json"}
    assert wanted <= names.keys()
    assert set(names.values()) == {0o600}


@pytest.mark.parametrize("runner", [True, False])
def test_c3_c5_without_options_start_and_stop_find_the_default_directory(job: Job, runner: bool) -> None:
    if runner:
        job.environ["RUNNER_TEMP"] = str(job.folder / "tmp" / "runner")
    base = job.folder / "tmp" / ("runner/beacon" if runner else f"beacon-{os.getuid()}")
    assert job.ci("start", base=False).returncode == 0
    state = job.state(base / "session.json")
    post(state["endpoints"]["http"], body())
    assert job.ci("stop", base=False).returncode == 0
    assert not alive(state["pid"])


def test_c3_a_default_directory_that_is_a_link_is_refused(job: Job) -> None:
    (job.folder / "tmp" / f"beacon-{os.getuid()}").symlink_to(job.work)
    done = job.ci("start", base=False)
    assert done.returncode == 78
    assert "is a link" in done.stderr
    assert list(job.work.iterdir()) == []


def test_c3_c5_the_directory_of_the_log_is_the_base_directory(job: Job) -> None:
    log = job.folder / "logs" / "agents.jsonl"
    assert job.ci("start", "--log-path", str(log), base=False).returncode == 0
    state = job.state(log.with_name("session.json"))
    assert state["log_path"] == str(log)
    post(state["endpoints"]["http"], body())
    assert job.ci("stop", "--log-path", str(log), base=False).returncode == 0
    assert len(job.lines(log)) == 1
    log.unlink()
    assert job.ci("start", "--log-path", str(log), base=False).returncode == 0
    state = job.state(log.with_name("session.json"))
    post(state["endpoints"]["http"], body(2))
    assert job.ci("stop", "--base-dir", str(log.parent), "--keep-artifacts=false", base=False).returncode == 0
    assert list(log.parent.iterdir()) == []


def test_c5_stop_finds_a_state_file_of_ones_own(job: Job) -> None:
    path = job.folder / "elsewhere" / "state.json"
    assert job.ci("start", "--state-file", str(path)).returncode == 0
    state = job.state(path)
    assert state["state_path"] == str(path)
    post(state["endpoints"]["http"], body())
    done = job.ci("stop", "--state-file", str(path), "--keep-artifacts=false", base=False)
    assert done.returncode == 0, done.stderr
    assert not alive(state["pid"])
    assert list(job.base.iterdir()) == list(path.parent.iterdir()) == []


def test_c4_the_state_says_what_stop_needs_and_holds_no_token(job: Job) -> None:
    job.environ |= {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "4711", "BEACON_CI_DATADOG_API_KEY": "k" * 32}
    state = job.start("--forward", "datadog", "--forward-endpoint", "http://127.0.0.1:9", "--harness", "gemini")
    assert state["version"] == 1
    assert (state["base_dir"], state["harnesses"], state["forward"]) == (str(job.base), ["gemini"], "datadog")
    assert state["forward_endpoint"] == "http://127.0.0.1:9"
    assert state["run"]["provider"] == "github_actions"
    assert state["run"]["run_id"] == "4711"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", state["started_at"])
    assert abs(state["pid_start_time"] - psutil.Process(state["pid"]).create_time()) < 1
    post(state["endpoints"]["http"], body(service="gemini-cli"))
    job.stop("--grace", "4s")
    for path in job.base.rglob("*"):
        assert path.is_dir() or b"k" * 32 not in path.read_bytes(), path


def test_c5_a_pid_that_was_given_to_another_process_is_not_signalled(job: Job) -> None:
    state = job.start()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=job.environ)
    try:
        (job.base / "session.json").write_text(json.dumps(state | {"pid": stranger.pid}))
        done = job.ci("stop")
        assert done.returncode == 1
        assert f"process {stranger.pid} is not the sidecar" in done.stderr
        assert stranger.poll() is None
        (job.base / "session.json").write_text(json.dumps(state | {"pid_start_time": state["pid_start_time"] - 60}))
        assert job.ci("stop").returncode == 1
        (job.base / "session.json").write_text(json.dumps(state | {"executable": "/bin/sh"}))
        assert job.ci("stop").returncode == 1
        assert alive(state["pid"])
    finally:
        stranger.kill()
        stranger.wait()
    (job.base / "session.json").write_text(json.dumps(state))
    job.stop("--require-telemetry=false")


def test_c5_an_edited_state_file_is_refused_and_nothing_is_signalled_or_deleted(job: Job) -> None:
    state = job.start()
    changes = ["no json", json.dumps(state | {"pid": 0}), json.dumps(state | {"log_path": 0}), '{"version": 99}']
    for change in changes:
        (job.base / "session.json").write_text(change)
        done = job.ci("stop", "--keep-artifacts=false")
        assert done.returncode == 1
        assert "session.json" in done.stderr
        assert "Traceback" not in done.stderr
        assert alive(state["pid"])
        assert (job.base / "runtime.jsonl").exists()
    kill(state["pid"])


def test_c6_stop_without_start_is_a_notice_unless_telemetry_is_required(job: Job) -> None:
    done = job.ci("stop")
    assert done.returncode == 0
    assert "there is no session in" in done.stderr
    assert job.ci("stop", "--require-telemetry").returncode == 1
    assert job.ci("finish", "--require-telemetry=false").returncode == 0
    assert not job.base.exists()


def test_c6_a_second_stop_changes_nothing(job: Job) -> None:
    state = job.start()
    post(state["endpoints"]["http"], body())
    job.stop()
    before = {path: path.read_bytes() for path in job.base.iterdir()}
    done = job.ci("stop")
    assert done.returncode == 0
    assert "was stopped at" in done.stderr
    assert {path: path.read_bytes() for path in job.base.iterdir()} == before


def test_c6_no_telemetry_is_a_failure_and_a_warning_where_none_is_required(job: Job) -> None:
    job.start()
    outcome = job.stop(code=1)
    assert outcome["result"] == "fail"
    assert outcome["validation"]["stages"][-1]["name"] == "event_count"
    job.start()
    assert job.stop("--require-telemetry=false")["result"] == "warn"


def test_c8_a_foreign_listener_on_the_port_is_named_and_nothing_is_left(job: Job) -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        done = job.ci("start", "--http-port", str(port))
    assert done.returncode == 78
    assert f"port {port}" in done.stderr
    assert not (job.base / "session.json").exists()
    assert job.left() == []


def test_c8_two_sessions_side_by_side_do_not_mix(job: Job) -> None:
    first = job.start()
    other = job.folder / "other"
    assert job.ci("start", "--base-dir", str(other), base=False).returncode == 0
    second = job.state(other / "session.json")
    post(first["endpoints"]["http"], body(2))
    post(second["endpoints"]["http"], body(5))
    assert job.stop()["validation"]["events"] == 2
    assert job.ci("stop", "--base-dir", str(other), base=False).returncode == 0
    assert len(job.lines(other / "runtime.jsonl")) == 5


def test_c8_a_second_session_in_the_same_directory_is_refused(job: Job) -> None:
    state = job.start()
    done = job.ci("start")
    assert done.returncode == 1
    assert "a session runs" in done.stderr
    assert alive(state["pid"])
    job.stop("--require-telemetry=false")


def test_c8_a_pipeline_that_does_not_start_is_reported_with_the_end_of_its_log(job: Job) -> None:
    (job.work / "wrong.yaml").write_text("receivers: {otlp: {protcols: {}}}\n")
    done = job.ci("start", "--pipeline", "wrong.yaml")
    assert done.returncode == 78
    assert "protcols" in done.stderr
    assert job.left() == []


def test_c8_a_start_that_takes_too_long_is_given_up_and_the_child_is_reaped(job: Job) -> None:
    done = job.ci("start", "--ready-timeout", "1ms")
    assert done.returncode == 1
    assert "did not get ready in time" in done.stderr
    assert job.left() == []
    assert not (job.base / "session.json").exists()


def test_c10_what_was_in_the_log_before_does_not_count(job: Job) -> None:
    state = job.start()
    post(state["endpoints"]["http"], body(4))
    job.stop()
    job.start()
    outcome = job.stop(code=1)
    assert outcome["validation"]["events"] == 0
    assert len(job.lines()) == 4


def test_c10_an_agent_that_was_asked_for_and_did_not_report_is_a_failure(job: Job) -> None:
    state = job.start("--harness", "claude", "--harness", "codex")
    post(state["endpoints"]["http"], body())
    outcome = job.stop(code=1)
    assert outcome["validation"]["stages"][-1]["name"] == "harness_events"
    state = job.start("--harness", "claude", "--harness", "codex")
    post(state["endpoints"]["http"], body(2))
    assert job.stop("--harness-match", "any")["result"] == "ok"


def test_c10_validate_looks_at_a_session_that_runs_at_one_that_ended_and_at_any_log(job: Job) -> None:
    assert job.ci("validate").returncode == 1
    state = job.start("--harness", "claude")
    post(state["endpoints"]["http"], body(2))
    wait(lambda: job.ci("validate", "--min-events", "2").returncode == 0)
    assert job.ci("validate", "--min-events", "3").returncode == 1
    assert job.ci("validate", "--min-events", "3", "--require-telemetry=false").returncode == 0
    job.stop()
    told = json.loads(job.ci("validate", "--json").stdout)
    assert (told["result"], told["events"], told["agents"]) == ("ok", 2, {"claude_code": 2})
    copy = job.work / "copy.jsonl"
    copy.write_bytes((job.base / "runtime.jsonl").read_bytes())
    words = ["validate", "--log-path", str(copy), "--harness", "codex", "--json"]
    assert json.loads(job.ci(*words, base=False).stdout)["stages"][-1]["name"] == "harness_events"


def test_p1_a_killed_sidecar_loses_nothing_that_it_had_accepted(job: Job) -> None:
    state = job.start()
    for number in range(20):
        assert post(state["endpoints"]["http"], body(10, f"event{number}")) == 200
    kill(state["pid"])
    outcome = job.stop(code=1)
    assert outcome["clean"] is False
    assert any("killed" in notice for notice in outcome["notices"])
    delivered = {line["id"] for line in job.lines()}  # what was on its way may have arrived twice (P4)
    assert len(delivered) == 200, outcome["notices"] + [(job.base / "collector.log").read_text()]
    assert outcome["receipt"]["exporters"]["file"]["queued"] == 0


def test_status_says_what_runs(job: Job) -> None:
    assert json.loads(job.ci("status", "--json").stdout)["status"] == "none"
    state = job.start()
    status = json.loads(job.ci("status", "--json").stdout)
    assert status == {"status": "running", "session": state}
    assert state["endpoints"]["http"] in job.ci("status").stdout
    job.stop("--require-telemetry=false")
    assert json.loads(job.ci("status", "--json").stdout)["status"] == "stopped"


@pytest.mark.parametrize(
    ("number", "file"),
    [(signal.SIGINT, "collector.log"), (signal.SIGTERM, "queue.db"), (signal.SIGINT, "ready.json")],
)
def test_c7_an_interrupted_start_leaves_nothing(job: Job, number: signal.Signals, file: str) -> None:
    process = job.popen("start")
    wait(lambda: (job.base / file).exists() or process.poll() is not None)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    if process.returncode == 0:  # it was faster
        assert alive(job.state()["pid"])
        job.stop("--require-telemetry=false")
    else:
        assert process.returncode == 128 + number, errors
        assert not (job.base / "session.json").exists()
        assert not (job.base / "ready.json").exists()
        assert job.left() == []


def test_c7_a_github_env_that_cannot_be_written_leaves_nothing(job: Job) -> None:
    done = job.ci("start", environ={"GITHUB_ENV": str(job.folder / "missing" / "env")})
    assert done.returncode == 1
    assert "GITHUB_ENV" in done.stderr
    assert job.left() == []
    assert not (job.base / "session.json").exists()


def test_c13_start_exports_and_stop_takes_back(job: Job) -> None:
    file = job.folder / "github_env"
    file.touch()
    job.environ["GITHUB_ENV"] = str(file)
    state = job.start()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in state["exported_env"]
    exported = file.read_text()
    assert state["endpoints"]["http"] in exported
    job.stop("--require-telemetry=false")
    taken_back = file.read_text().removeprefix(exported)
    assert "CLAUDE_CODE_ENABLE_TELEMETRY<<" in taken_back


def test_the_environment_can_be_evaluated_by_a_shell(job: Job) -> None:
    script = 'eval "$(beacon ci start --base-dir "$1" --print-env sh)" && echo "$OTEL_EXPORTER_OTLP_ENDPOINT"'
    done = job.run(["sh", "-ec", script, "sh", str(job.base)])
    assert done.stdout.strip() == job.state()["endpoints"]["http"]
    job.stop("--require-telemetry=false")


def test_c9_files_go_and_what_beacon_did_not_write_stays(job: Job) -> None:
    job.base.mkdir()
    (job.base / "notes.txt").write_text("mine")
    state = job.start()
    post(state["endpoints"]["http"], body())
    job.stop("--keep-artifacts=false")
    assert [path.name for path in job.base.iterdir()] == ["notes.txt"]


def test_c9_a_workspace_as_base_directory_keeps_its_files(job: Job) -> None:
    (job.work / "pipeline.yaml").write_text("mine: true\n")
    done = job.ci("start", "--base-dir", ".", base=False)
    assert done.returncode == 78
    assert "pipeline.yaml is there already" in done.stderr
    (job.work / "pipeline.yaml").unlink()
    (job.work / "runtime.jsonl").write_text('{"mine": true}\n')
    (job.work / "src").mkdir()
    assert job.ci("start", "--base-dir", ".", base=False).returncode == 0
    state = job.state(job.work / "session.json")
    post(state["endpoints"]["http"], body())
    assert job.ci("stop", "--base-dir", ".", "--keep-artifacts=false", base=False).returncode == 0
    assert sorted(path.name for path in job.work.iterdir()) == ["runtime.jsonl", "src"]
    assert (job.work / "runtime.jsonl").read_text().startswith('{"mine": true}\n')


def test_c9_an_edited_state_makes_nothing_else_go(job: Job) -> None:
    precious = job.work / "runtime.jsonl"
    precious.write_text('{"mine": true}\n')
    state = job.start()
    post(state["endpoints"]["http"], body())
    changed = state | {"log_path": str(precious), "base_dir": str(job.work), "state_path": str(job.work / "x.json")}
    (job.base / "session.json").write_text(json.dumps(changed))
    job.ci("stop", "--keep-artifacts=false")
    assert precious.read_text() == '{"mine": true}\n'
    assert not alive(state["pid"])


def test_item_6_a_job_without_home_terminal_or_small_environment(job: Job) -> None:
    job.environ["HOME"] = str(job.folder / "home")
    (job.folder / "home").chmod(0o500)
    job.environ |= {f"FILLING_{number}": "x" * 1000 for number in range(200)}
    state = job.start(stdin=subprocess.DEVNULL, start_new_session=True)
    post(state["endpoints"]["http"], body())
    assert job.stop()["result"] == "ok"
    (job.folder / "home").chmod(0o700)
    assert {path.name for path in Path(job.environ["HOME"]).iterdir()} <= {".cache"}  # root may write: entry points

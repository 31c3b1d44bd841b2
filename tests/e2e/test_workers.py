"""`service.workers`: several processes, one port, one receipt."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from beacon_core import Entry, Host
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import make_batch
from tests.unit.receivers.otlp.grpc_calls import LOGS, call

PIPELINE = """
receivers:
  RECEIVER
processors:
  sanitize: {}
exporters:
  file: {path: out/telemetry.jsonl}
service:
  queue: QUEUE
  workers: 2
  telemetry: {endpoint: "127.0.0.1:0"}
  pipelines:
    default: {receivers: [NAME], processors: [sanitize], exporters: [file]}
"""
OTLP = """otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}"""


HOOK = """
  hook: {endpoint: "127.0.0.1:0"}"""


def pipeline(receiver: str = OTLP, queue: str = "{path: state/queue.db}") -> str:
    name = receiver.partition(":")[0]
    return PIPELINE.replace("RECEIVER", receiver).replace("QUEUE", queue).replace("NAME", name)


def log(text: str) -> bytes:
    record = {"body": {"stringValue": text}}
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()


def request(text: str) -> bytes:
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.add().body.string_value = text
    return message.SerializeToString()


def hook(endpoint: str, session: str) -> int:
    body = json.dumps({"session_id": session, "hook_event_name": "Stop"}).encode()
    sent = urllib.request.Request(f"{endpoint}/hook", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(sent, timeout=30) as answer:
        return int(answer.status)


def stored(path: Path) -> set[str]:
    """Return the keys of what was stored in a queue's file."""
    with closing(sqlite3.connect(path)) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM seen")}


def get(ready: dict[str, Any], path: str) -> str:
    with urllib.request.urlopen(ready["telemetry"]["endpoint"] + path, timeout=30) as answer:
        return str(answer.read().decode())


def wait_for_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    for pid in pids:
        while is_alive(pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_p3_p5_two_processes_share_a_port_and_add_up(beacon: Callable[..., Any]) -> None:
    run = beacon(pipeline())
    ready = run.wait_ready()
    assert len(ready["workers"]) == 2
    with ThreadPoolExecutor(8) as pool:  # every request on a connection of its own, and everything twice
        statuses = list(pool.map(lambda n: run.post("/v1/logs", log(f"event {n % 40}")), range(80)))
    assert statuses == [200] * 80
    live = json.loads(get(ready, "/receipt"))
    assert (live["received"], live["deduplicated"], live["balanced"]) == (40, 40, True)
    assert 'beacon_events_requests_total{component="otlp"} 80' in get(ready, "/metrics")
    assert get(ready, "/readyz") == "ready\n"
    receipt = run.stop()
    assert (receipt["received"], receipt["deduplicated"]) == (40, 40)
    assert receipt["exporters"]["file"]["delivered"] == 40
    assert sorted(line["body"] for line in run.lines()) == sorted(f"event {n}" for n in range(40))
    assert (run.folder / "state" / "queue.worker-2.db").exists()
    wait_for_end(ready["workers"])


def test_grpc_and_hooks_share_their_ports_as_well(beacon: Callable[..., Any]) -> None:
    text = pipeline(OTLP.replace("{http:", '{grpc: {endpoint: "localhost:0"}, http:') + HOOK)
    run = beacon(text.replace("[otlp]", "[otlp, hook]"))
    endpoints = run.wait_ready()["endpoints"]
    target = endpoints["otlp"]["grpc"].removeprefix("http://")
    for number in range(20):  # each on a connection of its own
        assert call(target, LOGS, request(f"call {number}")).code.name == "OK"
        assert run.post("/v1/logs", log(f"post {number}")) == 200
        assert hook(endpoints["hook"]["http"], f"session-{number}") == 204
    receipt = run.stop()
    assert receipt["received"] == receipt["exporters"]["file"]["delivered"] == 60
    both = [stored(run.folder / "state" / name) for name in ("queue.db", "queue.worker-2.db")]
    assert len(both[0] | both[1]) == 60
    assert all(len(keys) > 0 for keys in both)  # 60 connections all to one of two: once in 2 ** 59 runs


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux can say where a process may run")
@pytest.mark.parametrize("wanted", ["auto", "none"])
def test_each_process_keeps_to_a_cpu_of_its_own_unless_told_otherwise(beacon: Callable[..., Any], wanted: str) -> None:
    allowed = os.sched_getaffinity(0)
    run = beacon(pipeline().replace("workers: 2", f"workers: 2\n  worker_cpu_affinity: {wanted}"))
    cpus = [os.sched_getaffinity(pid) for pid in run.wait_ready()["workers"]]
    if wanted == "none" or len(allowed) == 1:
        assert cpus == [allowed, allowed]
    else:
        assert [len(each) for each in cpus] == [1, 1]
        assert len(set().union(*cpus) & allowed) == 2
    run.stop()


def test_the_ready_file_proves_who_wrote_it_and_the_end_of_stdin_ends_all(beacon: Callable[..., Any]) -> None:
    environ = os.environ | {"BEACON_NONCE": "17"}
    run = beacon(pipeline(), "--until-eof", environ=environ, stdin=subprocess.PIPE)
    ready = run.wait_ready()
    assert (ready["nonce"], ready["pid"], len(ready["workers"])) == ("17", run.process.pid, 2)
    assert run.post("/v1/logs", log("event")) == 200
    run.process.stdin.close()
    assert run.end()["received"] == 1
    wait_for_end(ready["workers"])


@pytest.mark.parametrize("options", [("--once",), ("--drain", "state")])
def test_p1_one_pass_is_made_by_one_process_which_takes_over_what_the_others_left(
    beacon: Callable[..., Any], tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "state").mkdir()
    for worker in (1, 2):
        queue = SqliteQueue(SqliteQueue.config_class(path=tmp_path / "state" / "queue.db"))
        queue.share(2)
        queue.start(Host("queue", worker=worker))
        queue.put([Entry(f"of-{worker}", make_batch(3, id=f"of-{worker}"), ("file",))])
        queue.shutdown(1)
    receipt = beacon(pipeline("stdin: {}"), *options).end()
    assert receipt["exporters"]["file"]["carried_over"] == receipt["exporters"]["file"]["delivered"] == 6
    assert [path.name for path in (tmp_path / "state").glob("*.db")] == ["queue.db"]


def test_a_process_that_dies_ends_the_service_loudly_and_what_it_had_is_delivered_next(
    beacon: Callable[..., Any],
) -> None:
    run = beacon(pipeline())
    ready = run.wait_ready()
    assert [run.post("/v1/logs", log(f"event {n}")) for n in range(20)] == [200] * 20
    os.kill(ready["workers"][1], signal.SIGKILL)
    assert run.process.wait(60) == 1
    assert "was killed by signal 9" in run.log.read_text()
    assert not run.ready_file.exists()
    run = beacon(pipeline())
    run.wait_ready()
    run.stop()
    assert {line["body"] for line in run.lines()} == {f"event {n}" for n in range(20)}


def test_processes_end_when_the_one_that_keeps_them_is_killed(beacon: Callable[..., Any]) -> None:
    run = beacon(pipeline())
    ready = run.wait_ready()
    run.process.kill()
    run.process.wait()
    wait_for_end(ready["workers"])


def test_p9_a_second_signal_ends_all_of_them_at_once(beacon: Callable[..., Any]) -> None:
    run = beacon(pipeline())
    ready = run.wait_ready()
    run.process.send_signal(signal.SIGTERM)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(60) in (0, 143)
    wait_for_end(ready["workers"])


def test_a_reload_reaches_every_process_and_cannot_change_receivers(beacon: Callable[..., Any]) -> None:
    run = beacon(pipeline(), "--log-level", "error")
    run.wait_ready()
    (run.folder / "pipeline.yaml").write_text(pipeline().replace('127.0.0.1:0"}}}', '127.0.0.1:1"}}}'))
    run.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while run.log.read_text().count("receivers cannot change during a run") < 2:
        assert time.monotonic() < deadline, run.log.read_text()
        time.sleep(0.02)
    assert run.post("/v1/logs", log("still here")) == 200
    assert run.stop()["received"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (pipeline("stdin: {}"), "stdin: cannot run in 2 processes at once; set service.workers to 1"),
        (pipeline(queue="{type: memory}"), "service.queue: cannot serve 2 processes"),
    ],
)
def test_p10_what_cannot_be_shared_is_refused_with_what_to_do(beacon: Callable[..., Any], text: str, said: str) -> None:
    run = beacon(text)
    assert run.process.wait(60) == 78
    assert said in run.log.read_text()


def test_p10_an_error_at_the_start_of_a_process_is_told_like_any_other(beacon: Callable[..., Any]) -> None:
    first = beacon(pipeline())
    first.wait_ready()
    second = beacon(pipeline(), folder=first.folder)
    assert second.process.wait(60) == 78
    assert "is in use by process" in second.log.read_text()

"""The environment for agents with what agents are made of: the official SDK, a shell, a real receiver ([C13]-[C15])."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.github_runner import read_github_env

BEACON = Path(sys.executable).with_name("beacon")
#: Configured by its environment alone, as agents are.
AGENT = """
import logging, warnings
warnings.simplefilter("ignore")
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
logs, spans = LoggerProvider(), TracerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
logs.get_logger("agent").emit(LogRecord(event_name="hello", body="hello"))
metrics.get_meter("agent").create_counter("runs").add(1)
spans.get_tracer("agent").start_span("work").end()
for provider in (logs, metrics, spans):
    provider.shutdown()
"""
BRANCH = 'fix/a=b, c;d \\ "é" 100% 世界'
#: What a job may have set for a backend of its own, which does not exist.
ELSEWHERE = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:1/own",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://127.0.0.1:1/own/logs",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://127.0.0.1:1/own/metrics",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://127.0.0.1:1/own/traces",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20j0bs-own-t0ken",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-api-key=j0bs-own-t0ken",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "deflate",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such/ca.pem",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
    "OTEL_RESOURCE_ATTRIBUTES": "team=platform,note=a=b,service.name=the%20agent",
}


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """A job in GitHub Actions whose branch somebody named with malice."""
    runner = {"RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_ENV": str(tmp_path / "github_env")}
    (tmp_path / "temp").mkdir()
    (tmp_path / "github_env").touch()
    actions = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "77", "GITHUB_REF_NAME": BRANCH, "GITHUB_REF_TYPE": "branch"}
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"} | runner | actions | ELSEWHERE


def run(*command: str, environ: Mapping[str, str], check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False, timeout=120)
    assert not check or done.returncode == 0, done.stderr
    return done


def agent(environ: Mapping[str, str]) -> None:
    done = run(sys.executable, "-c", AGENT, environ=environ)
    assert done.stderr == "", "nothing was refused or sent elsewhere"


def resources(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert sorted(line["signal"] for line in lines) == ["log", "metric", "span"]
    return [line["resource"] for line in lines]


def test_c15_what_the_sdk_sends_with_the_printed_environment_arrives_as_it_was(
    beacon: Any, job: dict[str, str]
) -> None:
    receiver = beacon()
    printed = run(str(BEACON), "ci", "print-env", "--endpoint", receiver.endpoint, environ=job).stdout
    done = run("sh", "-c", 'eval "$1"; exec "$2" -c "$3"', "sh", printed, sys.executable, AGENT, environ=job)
    assert done.stderr == ""
    receiver.stop()
    for resource in resources(receiver.lines()):
        assert resource["vcs.ref.head.name"] == BRANCH
        assert resource["cicd.pipeline.run.id"] == "77"
        assert resource["beacon.run.provider"] == "github_actions"
        assert (resource["team"], resource["note"], resource["service.name"]) == ("platform", "a=b", "the agent")
        assert len(resource["beacon.run.id"]) == 32


def test_c14_the_own_backend_of_a_job_gets_nothing_between_start_and_stop(job: dict[str, str], tmp_path: Path) -> None:
    run(str(BEACON), "ci", "start", environ=job)
    try:
        later = job | read_github_env((tmp_path / "github_env").read_text())
        agent(later)
        run(str(BEACON), "ci", "start", "--base-dir", str(tmp_path / "second"), environ=later)
        run(
            str(BEACON),
            "ci",
            "stop",
            "--base-dir",
            str(tmp_path / "second"),
            "--require-telemetry=false",
            environ=later,
        )
    finally:
        stopped = run(str(BEACON), "ci", "stop", "--json", environ=job, check=False)
    assert stopped.returncode == 0, stopped.stderr
    log = tmp_path / "temp" / "beacon" / "runtime.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    found = [line["resource"] for line in lines if line["name"] in {"hello", "runs", "work"}]
    assert [resource["vcs.ref.head.name"] for resource in found] == [BRANCH] * 3
    state = json.loads((tmp_path / "temp" / "beacon" / "session.json").read_text())
    assert {resource["beacon.run.id"] for resource in found} == {state["run"]["id"]}
    assert "j0bs-own-t0ken" not in f"{state}{(tmp_path / 'github_env').read_text()}"
    assert set(state["exported_env"]) >= {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"}
    after = read_github_env((tmp_path / "github_env").read_text())
    assert (after["CLAUDE_CODE_ENABLE_TELEMETRY"], after["OTEL_LOGS_EXPORTER"]) == ("0", "none")
    assert "127.0.0.1" not in after["OTEL_EXPORTER_OTLP_ENDPOINT"] + after["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"]

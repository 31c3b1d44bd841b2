"""A disk that is full: refused with a hint to come back, nothing lost, and on by itself when there is room."""

from __future__ import annotations

import http.client
import json
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any

import psutil
import pytest

PIPELINE = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors: {sanitize: {}}
exporters:
  splunk_hec: {endpoint: "http://127.0.0.1:PORT", token: "${env:TOKEN}"}
service:
  queue: {path: state/queue.db}
  pipelines:
    default: {receivers: [otlp], processors: [sanitize], exporters: [splunk_hec]}
"""
ROOM = 1_000_000  # bytes that a file of Beacon may have


def body(number: int) -> bytes:
    records = [{"body": {"stringValue": f"{number}.{n} {'x' * 2000}"}} for n in range(10)]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


@pytest.mark.skipif(sys.platform != "linux", reason="the size limit of another process can be set on Linux only")
def test_p1_p10_a_full_disk_is_503_with_retry_after_and_everything_accepted_is_still_there(
    beacon: Callable[..., Any],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    pipeline = PIPELINE.replace("PORT", str(port))
    run = beacon(pipeline, "--drain-timeout", "200ms", environ={"PATH": "/usr/bin:/bin", "TOKEN": "t0ken-t0ken"})
    run.wait_ready()
    process = psutil.Process(run.process.pid)
    process.rlimit(resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))

    def post(number: int) -> http.client.HTTPResponse:
        link = run.connect()
        link.request("POST", "/v1/logs", body(number), {"Content-Type": "application/json"})
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer

    accepted = 0
    while (answer := post(accepted)).status == 200:
        accepted += 1
        assert accepted < 500
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert accepted > 5
    assert post(1000).status == 503  # and again, without dying
    process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert post(1001).status == 200
    receipt = run.stop()
    assert receipt["exporters"]["splunk_hec"]["queued"] == (accepted + 1) * 10
    assert receipt["exporters"]["splunk_hec"]["accepted"] == (accepted + 1) * 10
    again = beacon(pipeline, "--drain-timeout", "200ms", environ={"PATH": "/usr/bin:/bin", "TOKEN": "t0ken-t0ken"})
    again.wait_ready()
    assert again.stop()["exporters"]["splunk_hec"]["carried_over"] == (accepted + 1) * 10

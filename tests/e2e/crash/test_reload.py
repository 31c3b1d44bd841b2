"""SIGHUP under load: exporters that are replaced while they write lose nothing and repeat nothing."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from pathlib import Path

from tests.e2e.crash.evidence import PADDING, name_of
from tests.e2e.crash.process import BeaconProcess

RELOADS = 40
CLIENTS = 2

#: Attempts of many megabytes, so that there is nearly always a write that a reload can come into.
PIPELINE = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
processors: {{sanitize: {{}}}}
exporters:
  file:
    path: out.jsonl
    fsync: false
    rotation: {{max_megabytes: 100000}}
    batch: {{max_events: 20000, max_bytes: 30MiB, timeout: {timeout}ms}}
service:
  queue: {{path: queue.db}}
  pipelines:
    default: {{receivers: [otlp], processors: [sanitize], exporters: [file]}}
"""


class Load(threading.Thread):
    """A client that posts requests of two megabytes until it is told to stop."""

    def __init__(self, address: tuple[str, int], client: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._address, self._client, self._stopping = address, client, stop
        self.acknowledged: list[str] = []

    def run(self) -> None:
        link = http.client.HTTPConnection(*self._address, timeout=60)
        number = 0
        while not self._stopping.is_set():
            names = [f"c{self._client}-{number}-{record}" for record in range(1500)]
            records = [{"body": {"stringValue": f"{name}{PADDING}{'large ' * 220}"}} for name in names]
            body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
            link.request("POST", "/v1/logs", body, {"Content-Type": "application/json"})
            answer = link.getresponse()
            answer.read()
            if answer.status == 200:
                self.acknowledged += names
            number += 1
        link.close()


def test_p1_p4_reloads_under_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text(PIPELINE.format(timeout=1))
    process = BeaconProcess(tmp_path, drain=60, environ={})
    stop = threading.Event()
    try:
        clients = [Load(process.wait_ready(), number, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for number in range(RELOADS):
            pipeline.write_text(PIPELINE.format(timeout=1 + number % 2))  # the exporter is replaced by a new one
            process.reload()
            time.sleep(0.1)
        stop.set()
        for client in clients:
            client.join()
        process.terminate()
        code, receipt = process.finish()
    finally:
        stop.set()
        process.kill()
    arrived = Counter(name_of(json.loads(line)["body"]) for line in (tmp_path / "out.jsonl").read_bytes().splitlines())
    acknowledged = {name for client in clients for name in client.acknowledged}
    assert len(acknowledged) > 1000
    assert len(acknowledged - arrived.keys()) == 0
    assert arrived.total() - len(arrived) == 0
    assert code == 0
    assert receipt is not None
    assert receipt["exporters"]["file"]["delivered"] == len(arrived)

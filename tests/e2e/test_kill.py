"""SIGKILL under load: what was acknowledged is delivered after a restart on the same queue."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

KILLS = 10
CLIENTS = 4


class Load:
    """Clients that post batches of five uniquely named records until told to stop, and note which were acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.running = threading.Event()
        self.address: tuple[str, int] | None = None
        self._number = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        link: http.client.HTTPConnection | None = None
        used: tuple[str, int] | None = None
        while self.running.is_set():
            if self.address != used:
                used, link = self.address, _closed(link)
            if used is None:
                time.sleep(0.005)
                continue
            link = link or http.client.HTTPConnection(*used, timeout=10)
            names = self._names()
            try:
                link.request("POST", "/v1/logs", self._body(names), {"Content-Type": "application/json"})
                answer = link.getresponse()
                answer.read()
                if answer.status == 200:
                    self.acknowledged += names
            except (OSError, http.client.HTTPException):
                link = _closed(link)
        _closed(link)

    def _names(self) -> list[str]:
        with self._lock:
            self._number += 5
            return [f"event-{n}" for n in range(self._number - 5, self._number)]

    @staticmethod
    def _body(names: list[str]) -> bytes:
        records = [{"timeUnixNano": "1795145112904000000", "body": {"stringValue": name}} for name in names]
        return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


def _closed(link: http.client.HTTPConnection | None) -> None:
    if link is not None:
        link.close()


def test_p1_p4_ten_kills_under_load_lose_no_acknowledged_event(beacon: Callable[..., Any]) -> None:
    load, chance = Load(), random.Random(20261120)
    load.running.set()
    clients = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for _ in range(KILLS):
            run = beacon()
            address = run.endpoint.removeprefix("http://").split(":")
            load.address = (address[0], int(address[1]))
            time.sleep(0.1 + chance.random() * 0.4)
            run.process.kill()
            run.process.wait()
            load.address = None
    finally:
        load.running.clear()
        for client in clients:
            client.join()
    run = beacon()
    run.wait_ready()
    receipt = run.stop()
    bodies = [line["body"] for line in run.lines()]
    assert len(load.acknowledged) > 100
    assert set(load.acknowledged) - set(bodies) == set()
    assert receipt["exporters"]["file"]["queued"] == 0
    duplicates = len(bodies) - len(set(bodies))
    assert duplicates <= KILLS * 1000  # at most one attempt of an exporter for each kill

"""Hostile requests to a real `beacon run`, each followed by a good one that has to be accepted and delivered."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.crash.process import BeaconProcess, HangingError
from tests.fuzz.answers import BadAnswerError, exchange, faults, parse
from tests.fuzz.cases import Case, make_case
from tests.fuzz.sink import Sink, running_sink

CLIENTS = 6
_MOST_VIOLATIONS = 20  # then it makes no sense to go on
_TOLD = 2000  # cases from one line of progress to the next
_ENVIRON = {"FUZZ_TOKEN": "fuzz-token", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

#: Time-outs are short so that connections that are left open do not hold the clients up.
PIPELINE = """
receivers:
  otlp:
    protocols:
      http:
        endpoint: "127.0.0.1:0"
        max_request_body_size: 1MiB
        read_timeout: 300ms
        read_header_timeout: 300ms
        idle_timeout: 300ms
processors: {{fingerprint: {{}}, canonicalize: {{}}, sanitize: {{}}}}
exporters:
  file: {{path: out.jsonl, rotation: {{max_megabytes: 100000}}, fsync: false, retry_on_failure: {retry}}}
  splunk_hec: {{endpoint: "{url}", token: "${{env:FUZZ_TOKEN}}", retry_on_failure: {retry}}}
  datadog:
    api: {{site: datadoghq.eu, key: "${{env:FUZZ_TOKEN}}"}}
    logs: {{endpoint: "{url}"}}
    metrics: {{endpoint: "{url}"}}
    retry_on_failure: {retry}
service:
  queue: {{path: queue.db}}
  pipelines:
    default:
      receivers: [otlp]
      processors: [fingerprint, canonicalize, sanitize]
      exporters: [file, splunk_hec, datadog]
"""
_RETRY = "{initial_interval: 10ms, max_interval: 50ms}"


@dataclass
class Result:
    """What became of the cases.

    Attributes:
        outcomes: cases by kind and outcome: the statuses of the answers, `none` or `reset`.
        good: names of the good records that were accepted.
        violations: what must not have happened.
        peak: bytes of memory that Beacon had at most.
        receipt: of the run.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    good: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    peak: int = 0
    receipt: dict[str, Any] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """How many were sent."""
        return self.outcomes.total()

    @property
    def refused(self) -> int:
        """How many cases ended in an answer that is not 200 only."""
        return sum(count for (_, outcome), count in self.outcomes.items() if set(outcome.split()) & REFUSALS)


REFUSALS = frozenset({"400", "404", "405", "408", "413", "415", "431"})


class HttpCampaign:
    """Sends cases from several connections at once.

    Args:
        folder: empty.
        seed: each client has its own generator made of it.
        tell: called with a line now and then.
    """

    def __init__(self, folder: Path, seed: str, *, tell: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._seed = seed
        self._tell = tell
        self._lock = threading.Lock()
        self.result = Result()

    def run(self, cases: int) -> Result:
        """Send so many cases, end the run, and check what it says and what arrived."""
        with running_sink() as sink:
            (self._folder / "pipeline.yaml").write_text(PIPELINE.format(url=sink.url, retry=_RETRY))
            process = BeaconProcess(self._folder, drain=120, environ=_ENVIRON)
            try:
                address = process.wait_ready()
                memory = psutil.Process(process.pid)
                with ThreadPoolExecutor(CLIENTS) as clients:
                    share = -(-cases // CLIENTS)
                    running = [clients.submit(self._client, n, share, address, memory) for n in range(CLIENTS)]
                for client in running:
                    client.result()
                self._end(process, sink)
            except HangingError as error:
                self.result.violations.append(f"{error}\n{process.log()}")
            finally:
                process.kill()
        return self.result

    # ---- clients ----

    def _client(self, number: int, cases: int, address: tuple[str, int], memory: psutil.Process) -> None:
        chance = random.Random(f"{self._seed}/{number}")
        for done in range(cases):
            case = make_case(chance)
            outcome, wrong = self._outcome(address, case)
            name = f"good-{number}-{done}"
            wrong += self._post_good(address, name)
            with self._lock:
                self.result.outcomes[case.kind, outcome] += 1
                self.result.violations += [f"client {number} case {done} ({case.kind}): {each}" for each in wrong]
                if wrong:
                    (self._folder / f"case-{number}-{done}.raw").write_bytes(case.raw)
                self._watch(memory)
                if len(self.result.violations) >= _MOST_VIOLATIONS:
                    return

    def _outcome(self, address: tuple[str, int], case: Case) -> tuple[str, list[str]]:
        """Return what came of a case, and what is wrong with that."""
        try:
            data = exchange(address, case)
            if data is None:
                return "reset", []
            answers = parse(data, bodiless=b"HEAD " in case.raw)
        except (OSError, BadAnswerError, ValueError, KeyError) as error:
            return "failed", [f"{type(error).__name__}: {error}"]
        return " ".join(str(answer.status) for answer in answers) or "none", faults(case, answers)

    def _post_good(self, address: tuple[str, int], name: str) -> list[str]:
        record = {"timeUnixNano": "1795145112904000000", "body": {"stringValue": name}}
        body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
        link = http.client.HTTPConnection(*address, timeout=30)
        try:
            link.request("POST", "/v1/logs", body, {"Content-Type": "application/json"})
            status = link.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return [f"the good request after it failed: {type(error).__name__}"]
        finally:
            link.close()
        if status != 200:
            return [f"the good request after it was answered with {status}"]
        self.result.good.append(name)
        return []

    def _watch(self, memory: psutil.Process) -> None:
        cases = self.result.cases
        if cases % 50 == 0 and memory.is_running():
            self.result.peak = max(self.result.peak, memory.memory_info().rss)
        if cases % _TOLD == 0:
            self._tell(f"{cases} cases, {len(self.result.violations)} violations, {self.result.peak >> 20} MiB at most")

    # ---- the end ----

    def _end(self, process: BeaconProcess, sink: Sink) -> None:
        process.terminate()
        code, receipt = process.finish()
        log = process.log()
        result = self.result
        result.receipt = receipt or {}
        if code != 0 or receipt is None or not receipt["balanced"]:
            result.violations.append(f"ended with exit code {code}, receipt {receipt}\n{log}")
            return
        if receipt["refused"].get("otlp", 0) < result.refused:
            result.violations.append(f"{result.refused} refusals, but {receipt['refused']} counted")
        for exporter, line in receipt["exporters"].items():
            if line["dropped"] or line["queued"] or (exporter == "file" and line["dead_lettered"]):
                result.violations.append(f"{exporter}: {line}\n{log}")
        signs = ("Traceback", " is a bug", "fault of the plugin", "failed with")
        result.violations += [f"the log says {sign!r}: {excerpt(log, sign)}" for sign in signs if sign in log]
        result.violations += [f"destination: {fault}" for fault in sink.faults[:10]]
        lines = (self._folder / "out.jsonl").read_bytes().splitlines()
        arrived = {body for line in lines if isinstance(body := json.loads(line).get("body"), str)}
        if missing := [name for name in result.good if name not in arrived]:
            result.violations.append(f"{len(missing)} good records did not arrive, such as {missing[0]}")


def excerpt(log: str, sign: str) -> str:
    """Return the lines of a log around the first that has `sign`."""
    lines = log.splitlines()
    first = next(number for number, line in enumerate(lines) if sign in line)
    return "\n".join(["", *lines[max(0, first - 2) : first + 30]])

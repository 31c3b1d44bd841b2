"""A crash campaign: rounds of starting, loading, troubling and killing Beacon on one queue, all moments from a seed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.e2e.crash.collector import Collector, Mode
from tests.e2e.crash.evidence import Evidence, RunRecord
from tests.e2e.crash.files import AppendedFile, rotated_arrivals
from tests.e2e.crash.load import LARGEST_REQUEST, Load
from tests.e2e.crash.process import BeaconProcess, HangingError
from tests.e2e.crash.queue_file import read_queues, wait_until_free

#: Events of one attempt at most; every request of the load is smaller.
ATTEMPT = 50
assert LARGEST_REQUEST <= ATTEMPT  # else a lease of one batch would be larger than the limit

PHASES = ("intake", "delivery", "shutdown")
_TOKEN = "crash-token"
_ENVIRON = {"CRASH_TOKEN": _TOKEN, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
_SLOW_ANSWER = 0.05  # seconds; the longest is many times of it
_STUCK_ANSWER = 30.0
_DRAIN = 0.4  # seconds after SIGTERM; short, so that some runs end with something queued
_LAST_DRAIN = 300.0
_AT_ONCE = 0.15  # of the kills in the phase of intake: at any moment of the start
_LARGE_BACKLOG = 5000  # events; then nothing is added before the next kill
_SMALL_QUEUE = "service.queue.max_bytes=20KiB"  # so small that clients are told to wait

PIPELINE = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
  sanitize: {{}}
exporters:
  file: {{path: out/plain.jsonl, rotation: {{max_megabytes: 100000}}, batch: {batch}, retry_on_failure: {retry}}}
  file/rotated:
    path: out/rotated.jsonl
    rotation: {{max_megabytes: 0.05, max_backups: 0, compression: gzip}}
    batch: {batch}
    retry_on_failure: {retry}
  splunk_hec:
    endpoint: http://127.0.0.1:{port}
    token: ${{env:CRASH_TOKEN}}
    batch: {batch}
    retry_on_failure: {retry}
service:
  queue: {queue}
  workers: {workers}
  pipelines:
    default: {{receivers: [otlp], processors: [sanitize], exporters: [file, file/rotated, splunk_hec]}}
"""
QUEUE = "{path: state/queue.db}"
_BATCHES = (ATTEMPT, ATTEMPT // 2)  # what a reload changes: every exporter is then replaced by a new one
_RELOADED = 0.2  # of the runs read their configuration again under load
_SIGNS = ("Traceback", "this is a fault of the plugin", " is a bug", "was not changed")  # in a log: something is wrong
_RETRY = "{initial_interval: 10ms, max_interval: 50ms, hold_interval: 50ms}"


class Campaign:
    """Runs rounds and gathers evidence.

    Args:
        folder: empty; everything is left there.
        seed: of everything that happens.
        tell: called with a line after every round.
        queue: options of the queue; others than the usual ones are to be found out by the verdict.
        workers: `service.workers`; the process that is killed is the one that keeps them.
    """

    def __init__(
        self,
        folder: Path,
        seed: str,
        *,
        tell: Callable[[str], None] = lambda _: None,
        queue: str = QUEUE,
        workers: int = 1,
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._tell = tell
        self._chance = random.Random(seed)
        self._collector = Collector(_TOKEN)
        self._load = Load(seed)
        self._plain = AppendedFile(folder / "out" / "plain.jsonl")
        self._channel_runs: list[int] = []
        self.evidence = Evidence(ATTEMPT * workers, ordered=workers == 1)
        self._queue = queue
        self._workers = workers
        self._configure(ATTEMPT)

    def run(self, kills: int) -> Evidence:
        """Run until so many kills have happened, then once to the end; return what was seen."""
        try:
            number = 0
            while self.evidence.kills < kills and not self._broken:
                self._round(PHASES[number % len(PHASES)])
                number += 1
            self._last_run()
        finally:
            self._load.close()
            self._collector.close()
        self._gather()
        return self.evidence

    @property
    def _broken(self) -> bool:
        """Whether it makes no sense to go on."""
        return any(run.problems for run in self.evidence.runs)

    def _configure(self, attempt: int) -> None:
        batch = f"{{max_events: {attempt}, timeout: 20ms}}"
        places = {"port": self._collector.port, "queue": self._queue, "workers": self._workers}
        text = PIPELINE.format(batch=batch, retry=_RETRY, **places)
        (self._folder / "pipeline.yaml").write_text(text)

    # ---- rounds ----

    def _round(self, phase: str) -> None:
        drain = _DRAIN if phase == "shutdown" else _LAST_DRAIN
        sets = [_SMALL_QUEUE] if self._chance.random() < 0.15 else []
        with self._run_of(phase, drain, *sets) as (process, record):
            {"intake": self._intake, "delivery": self._delivery, "shutdown": self._shutdown}[phase](process, record)

    def _intake(self, process: BeaconProcess, record: RunRecord) -> None:
        """Kill under load, or at any moment of the start."""
        self._trouble(Mode.UP, Mode.UP, Mode.SLOW, Mode.DOWN, Mode.BUSY, Mode.FORBIDDEN, Mode.LOST_ANSWER)
        if self._chance.random() < _AT_ONCE:
            self._wait(0.0, 0.6)
            record.killed = process.kill()
            return
        with self._load.flowing(process.wait_ready()):
            self._wait(0.02, 0.5)
            self._perhaps_reload(process)
            record.killed = process.kill()

    def _delivery(self, process: BeaconProcess, record: RunRecord) -> None:
        """Let a backlog build up while the destination is down, let it come back, kill while it is delivered."""
        if record.before.queued["splunk_hec"] > _LARGE_BACKLOG:
            self._collector.set(Mode.UP)
            process.wait_ready()
            self._wait(0.5, 1.0)
            record.killed = process.kill()
            return
        self._trouble(Mode.DOWN, Mode.BUSY, Mode.RESET, Mode.FORBIDDEN)
        address = process.wait_ready()
        with self._load.flowing(address):
            self._wait(0.1, 0.3)
        with self._load.flowing(address) if self._chance.random() < 0.5 else nullcontext():
            self._trouble(Mode.UP, Mode.UP, Mode.SLOW, Mode.LOST_ANSWER, Mode.HALF_ANSWER)
            self._wait(0.0, 0.2)
            record.killed = process.kill()

    def _shutdown(self, process: BeaconProcess, record: RunRecord) -> None:
        """Kill after SIGTERM, while requests are answered and the rest is drained; or let it come to its end."""
        self._trouble(Mode.UP, Mode.SLOW, Mode.SLOW, Mode.DOWN, Mode.BUSY, Mode.RESET)
        with self._load.flowing(process.wait_ready()):
            self._wait(0.05, 0.3)
            self._perhaps_reload(process)
            process.terminate()
            if self._chance.random() < 0.2:
                self._wait(0.0, 0.2)
                process.terminate()  # again: end at once
            if self._chance.random() < 0.7:
                ended = process.ended_within(self._chance.random() ** 2 * (_DRAIN + 0.2))
            else:
                ended = process.ended_within(_DRAIN + 30)
            if not ended:
                record.killed = process.kill()

    def _perhaps_reload(self, process: BeaconProcess) -> None:
        if self._chance.random() < _RELOADED:
            self._configure(self._chance.choice(_BATCHES))
            process.reload()
            self._wait(0.0, 0.3)

    def _last_run(self) -> None:
        self._collector.set(Mode.UP)
        with self._run_of("last", _LAST_DRAIN) as (process, _):
            process.wait_ready()
            process.terminate()
            process.ended_within(_LAST_DRAIN)

    # ---- what happens around every run ----

    @contextmanager
    def _run_of(self, phase: str, drain: float, *sets: str) -> Iterator[tuple[BeaconProcess, RunRecord]]:
        runs = self.evidence.runs
        record = RunRecord(len(runs), phase, before=runs[-1].after if runs else read_queues(self._queue_path))
        runs.append(record)
        acknowledged = len(self._load.acknowledged)
        process = BeaconProcess(self._folder, *sets, drain=drain, environ=_ENVIRON)
        record.pid = process.pid
        try:
            yield process, record
            if not record.killed:
                self._end(process, record)
        except HangingError as error:
            record.problems.append(f"{error}\n{process.log()}")
        finally:
            process.kill()
        record.acknowledged = len(self._load.acknowledged) - acknowledged
        self._look_at_what_is_left(process, record)

    def _end(self, process: BeaconProcess, record: RunRecord) -> None:
        code, record.receipt = process.finish()
        if code not in ({0} if process.terms < 2 else {0, 143, -15}):  # after two signals they show in the code
            record.problems.append(f"ended with exit code {code}\n{process.log()}")
        elif record.receipt is None:
            record.problems.append("wrote no receipt")

    def _look_at_what_is_left(self, process: BeaconProcess, record: RunRecord) -> None:
        wait_until_free(self._queue_path.parent)
        self._collector.settle()
        known = len(self._channel_runs)
        self._channel_runs += [record.number] * (len(self._collector.channels) - known)
        record.after = read_queues(self._queue_path)
        record.problems += self._plain.collect(record.number, killed=record.killed)
        log = process.log()
        record.problems += [log for sign in _SIGNS if sign in log]
        end = "killed" if record.killed else "ended"
        queued = ", ".join(f"{name} {count}" for name, count in sorted(record.after.queued.items()))
        self._tell(
            f"run {record.number:4} {record.phase:8} {self._collector.mode.name:11} {end}: "
            f"{record.acknowledged} acknowledged; queued: {queued or 'nothing'}"
        )

    @property
    def _queue_path(self) -> Path:
        return self._folder / "state" / "queue.db"

    def _trouble(self, *modes: Mode) -> None:
        delay = _STUCK_ANSWER if self._chance.random() < 0.1 else _SLOW_ANSWER * self._chance.random()
        self._collector.set(self._chance.choice(modes), delay)

    def _wait(self, least: float, most: float) -> None:
        time.sleep(self._chance.uniform(least, most))

    def _gather(self) -> None:
        """Put together what the destinations have."""
        rotated, torn, problems = rotated_arrivals(self._folder / "out" / "rotated.jsonl")
        evidence = self.evidence
        evidence.acknowledged = self._load.acknowledged
        evidence.faults = [*self._collector.faults, *self._load.problems, *problems]
        of_splunk = [a._replace(run=self._channel_runs[a.run]) for a in self._collector.arrivals]
        evidence.arrivals = {"file": self._plain.arrivals, "file/rotated": rotated, "splunk_hec": of_splunk}
        evidence.torn = {"file": self._plain.torn, "file/rotated": torn}

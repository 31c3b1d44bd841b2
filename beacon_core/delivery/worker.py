"""A worker: the thread that takes one exporter's batches out of the queue and has them delivered."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping

from beacon_core.component import Host
from beacon_core.config import ExporterConfig
from beacon_core.delivery.backoff import backoff
from beacon_core.delivery.outcome import Action, Outcome, decide
from beacon_core.errors import PartialExportError, QueueUnavailableError
from beacon_core.event import Batch, Event
from beacon_core.exporter import Exporter
from beacon_core.queue import Lease, Queue

_IDLE_WAIT = 1.0  # seconds after which a worker that waits looks whether it is to stop
_GATHER, _TRICKLE = 0.01, 0.9  # seconds without a look at the queue while more of an attempt than this part is empty
_LOG_INTERVAL = 60.0  # seconds between two messages about the same trouble
_WAITING = frozenset({Action.RETRY, Action.HOLD})  # outcomes after which the rest of a lease is given back
_TAKEN = Outcome(Action.ACK)
_UNCONFIRMED_WAIT = 0.5  # seconds between tries to tell a queue that cannot write what was delivered


class Worker:
    """Delivers for one exporter, in a thread of its own: slow or dead, it delays no other (promise P4).

    Args:
        exporter: started.
        config: its options.
        queue: started.
        host: the exporter's.
        failed: called by the thread if it ends by an error that is Beacon's own.
    """

    def __init__(
        self,
        exporter: Exporter,
        config: ExporterConfig,
        queue: Queue,
        host: Host,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._exporter = exporter
        self._batch = config.batch
        self._retry = config.retry_on_failure
        self._queue = queue
        self._host = host
        self._failed = failed
        self._thread = threading.Thread(target=self._run_and_tell, name=f"deliver {host.component}", daemon=True)
        self._draining = threading.Event()
        self._stopping = threading.Event()
        self._nudged = threading.Event()  # ends a pause
        self._failures = 0
        self._failing_since = 0.0
        self._logged: dict[str, float] = {}
        self.held = False  #: the destination refuses the configuration; nothing moves until the operator corrects it

    @property
    def exporter_id(self) -> str:
        """The exporter's id as in the YAML file."""
        return self._host.component

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def drain(self) -> None:
        """Deliver what is queued without waiting for more, then end; `Queue.stop_waiting` lets it see that at once."""
        self._draining.set()
        self._nudged.set()

    def stop(self) -> None:
        """End after the attempt that is running; what is not settled stays queued."""
        self._stopping.set()
        self._nudged.set()

    def retry_now(self) -> None:
        """Try at once what is waiting for its next try: the cause may be gone."""
        self._nudged.set()

    def join(self, timeout: float | None) -> bool:
        """Wait for the end of the thread; say whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # ---- the thread ----

    def _run_and_tell(self) -> None:
        well = False
        try:
            self._run()
            well = True
        finally:
            if not well:
                self._failed()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                lease = self._collect()
                if lease is not None:
                    self._deliver(lease)
                elif self._draining.is_set():
                    return
            except QueueUnavailableError as error:
                self._log("queue", "%s", error)
                self._stopping.wait(_UNCONFIRMED_WAIT)

    def _collect(self) -> Lease | None:
        """Take the oldest batches, and wait a little for more to fill the attempt up."""
        events, size = self._batch.max_events, int(self._batch.max_bytes)
        wait = 0.0 if self._draining.is_set() else _IDLE_WAIT
        lease = self._queue.lease(self.exporter_id, max_events=events, max_bytes=size, timeout=wait)
        deadline = time.monotonic() + self._batch.timeout
        while lease is not None and not self._draining.is_set():
            room_events = events - sum(len(leased.events) for leased in lease.batches)
            room_size = size - sum(leased.size for leased in lease.batches)
            left = deadline - time.monotonic()
            if room_events <= 0 or room_size <= 0 or left <= 0:
                break
            if room_size > size * _TRICKLE:
                self._draining.wait(min(left, _GATHER))
                left = max(0.0, deadline - time.monotonic())
            more = self._queue.lease(
                self.exporter_id, max_events=room_events, max_bytes=room_size, timeout=left, strict=True
            )
            if more is None:  # nothing came, or the next batch does not fit any more
                break
            lease.batches += more.batches
        return lease

    def _deliver(self, lease: Lease) -> None:
        """Try everything in a lease once, in pieces where the destination wants less; keep what may succeed later."""
        attempts = max(leased.attempts for leased in lease.batches) + 1
        events, most = lease.events, self._batch.max_events  # what was stored together may be more
        pieces = deque(_piece(events[begin : begin + most]) for begin in range(0, len(events), most))
        while pieces:
            batch = pieces.popleft()
            error = self._attempt(batch)
            if isinstance(error, PartialExportError):
                outcome = self._settle_partly(lease, batch, error.failed, attempts)
            else:
                outcome = self._settle(lease, batch, error, attempts)
            if outcome.action is Action.SPLIT:
                middle = len(batch) // 2
                pieces.extendleft((_piece(batch.events[middle:]), _piece(batch.events[:middle])))
            elif outcome.action in _WAITING:
                self._give_back(lease, outcome)
                return
            else:
                self._recovered()

    def _attempt(self, batch: Batch) -> Exception | None:
        try:
            self._exporter.export(batch)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the table says what that means
            return error
        return None

    def _settle(self, lease: Lease, batch: Batch, error: Exception | None, attempts: int) -> Outcome:
        """Carry out what needs no waiting; return what is left to do."""
        outcome = self._judge(error, len(batch), attempts)
        if outcome.action is Action.ACK:
            self._acknowledge(lease, batch.events)
        elif outcome.action is Action.DEAD_LETTER:
            self._put_aside(lease, batch.events, {event.id: outcome.reason for event in batch})
        return outcome

    def _settle_partly(self, lease: Lease, batch: Batch, failed: Mapping[str, Exception], attempts: int) -> Outcome:
        """Acknowledge what was taken and treat each failed event as if it had been exported alone."""
        outcomes = {event.id: self._judge(failed[event.id], 1, attempts) for event in batch if event.id in failed}
        reasons = {key: outcome.reason for key, outcome in outcomes.items() if outcome.action is Action.DEAD_LETTER}
        taken = tuple(event for event in batch if outcomes.get(event.id, _TAKEN).action is Action.ACK)
        dead = tuple(event for event in batch if event.id in reasons)
        if taken:
            self._acknowledge(lease, taken)
        if dead:  # all at once: every call rewrites what is left of the lease, and syncs
            self._put_aside(lease, dead, reasons)
        if taken or dead:
            self._recovered()  # something moved: what is left is tried again without a growing wait
        waiting = [outcome for outcome in outcomes.values() if outcome.action in _WAITING]
        held = [outcome for outcome in waiting if outcome.action is Action.HOLD]
        return next(iter(held or waiting), _TAKEN)

    def _judge(self, error: Exception | None, events: int, attempts: int) -> Outcome:
        """Return what to do with events after an attempt, and report what is notable about it."""
        outcome = self._give_up_after_max_elapsed(decide(error, events=events, attempts=attempts))
        if outcome.bug:
            self._log("bug", "%s; this is a fault of the plugin:\n%s", outcome.reason, _stack(error))
        if outcome.ambiguous and outcome.action is not Action.DEAD_LETTER:
            self._host.count("possibly_duplicated", events)
        return outcome

    def _acknowledge(self, lease: Lease, events: tuple[Event, ...]) -> None:
        whole = len(events) == sum(len(leased.events) for leased in lease.batches)  # nearly always: no ids to compare
        ids = None if whole else {event.id for event in events}
        self._count("delivered", events, lambda: self._queue.ack(lease, ids))

    def _put_aside(self, lease: Lease, events: tuple[Event, ...], reasons: Mapping[str, str]) -> None:
        """Make events dead letters; `reasons` by event id."""
        self._count("dead_lettered", events, lambda: self._queue.dead_letter(lease, reasons))
        self._log("dead", "%d events went to the dead letters: %s", len(events), next(iter(reasons.values())))

    def _give_up_after_max_elapsed(self, outcome: Outcome) -> Outcome:
        limit = self._retry.max_elapsed_time
        if outcome.action is Action.RETRY and limit and self._failures:
            elapsed = time.monotonic() - self._failing_since
            if elapsed >= limit:
                return Outcome(Action.DEAD_LETTER, f"given up after {elapsed:.0f} s: {outcome.reason}")
        return outcome

    # ---- waiting ----

    def _give_back(self, lease: Lease, outcome: Outcome) -> None:
        if not self._failures:
            self._failing_since = time.monotonic()
        self._failures += 1
        try:
            self._queue.nack(lease)
        except QueueUnavailableError as error:
            self._log("queue", "%s", error)
        self.held = outcome.action is Action.HOLD
        if self.held:
            wait = self._retry.hold_interval
            self._log("hold", "HELD, nothing is lost and nothing is sent until this is corrected: %s", outcome.reason)
        else:
            wait = backoff(self._retry, self._failures, outcome.retry_after)
            self._log("retry", "delivery failed, it will be tried again: %s", outcome.reason)
        self._pause(wait)

    def _pause(self, seconds: float) -> None:
        """Wait, until somebody says that another try makes sense now: the drain begins with one."""
        if not self._stopping.is_set():
            self._nudged.wait(seconds)
            self._nudged.clear()

    def _recovered(self) -> None:
        if self._failures:
            self._failures = 0
            self.held = False
            self._logged.clear()
            self._host.logger.info("delivery works again")

    def _count(self, name: str, events: tuple[Event, ...], settle: Callable[[], int]) -> None:
        """Tell the queue what is done until it has understood; meanwhile nothing is sent twice."""
        while True:
            try:
                settled = settle()
            except QueueUnavailableError as error:
                self._log("queue", "%s", error)
                if self._stopping.wait(_UNCONFIRMED_WAIT):
                    self._host.count("possibly_duplicated", len(events))
                    raise  # done, and still in the queue: it will be sent again
            else:
                self._host.count(name, settled)
                self._host.count("possibly_duplicated", len(events) - settled)  # the lease had expired
                return

    def _log(self, topic: str, message: str, *values: object) -> None:
        """Say something at most once a minute for each topic."""
        now = time.monotonic()
        if now - self._logged.get(topic, -_LOG_INTERVAL) >= _LOG_INTERVAL:
            self._logged[topic] = now
            self._host.logger.warning(message, *values)


def _stack(error: Exception | None) -> str:
    """Return where an error came from, without its text, which may hold anything."""
    return "".join(traceback.format_tb(error.__traceback__)).rstrip() if error else ""


def _piece(events: tuple[Event, ...]) -> Batch:
    return Batch(events[0].id.rpartition("-")[0], events)

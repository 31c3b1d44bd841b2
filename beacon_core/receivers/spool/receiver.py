"""The receiver `spool`: its place in the pipeline, and what happens to a file."""

from __future__ import annotations

import os
import stat
import threading
import time
from contextlib import suppress
from typing import ClassVar

from beacon_core.component import Host
from beacon_core.errors import ConfigurationError, QueueFullError, QueueUnavailableError
from beacon_core.event import Batch
from beacon_core.receiver import Consumer, Receiver
from beacon_core.receivers.spool.config import SpoolConfig
from beacon_core.receivers.spool.directory import SpoolDirectory, SpoolFile, TakenFile
from beacon_core.receivers.spool.reading import read_batches

_UNAVAILABLE_WAIT = 1.0
_SHORTEST_WAIT = 0.01

#: Seconds that a file is kept waiting for a queue that takes nothing, before it is left to whoever comes next.
_PATIENCE = 10.0

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class _BlockedError(Exception):
    """The queue takes nothing and there is no time left to wait for it."""


class SpoolReceiver(Receiver):
    """Takes over the files that programs leave in a folder; deletes one when its events are durable (promise P1).

    Several processes may look after one folder: each file is read by one of them. One that dies leaves what it had
    taken to the others; what it had stored already, the queue recognizes (promise P5), within its dedup window.
    """

    config_class = SpoolConfig
    finite: ClassVar[bool] = True
    config: SpoolConfig

    def __init__(self, config: SpoolConfig) -> None:
        super().__init__(config)
        self._directory = SpoolDirectory(config.directory)
        self._stop = threading.Event()
        self._returned = threading.Event()
        self._returned.set()
        self._told: set[tuple[str, str]] = set()

    def start(self, host: Host) -> None:
        """Look at the folder; one that is not there may come later."""
        super().start(host)
        self._stop.clear()
        path = self.config.directory
        try:
            self._directory.files()
            about = path.stat()
        except FileNotFoundError:
            host.logger.info("there is no folder %s yet", path)
            return
        except OSError as error:
            raise ConfigurationError(f"directory {path} cannot be read: {error.strerror}") from None
        if os.name == "posix" and about.st_mode & _WRITABLE_BY_OTHERS:
            host.logger.warning("other users can write to %s, and so send telemetry in your name: chmod 700", path)

    def run(self, consumer: Consumer) -> None:
        self._returned.clear()
        try:
            while not self._stop.is_set():
                if self._pass(consumer):
                    continue
                if self.host.once:
                    return
                self._stop.wait(self.config.poll_interval)
        finally:
            self._returned.set()

    def shutdown(self, timeout: float) -> None:
        self._stop.set()
        self._returned.wait(timeout)

    # ---- all files ----

    def _pass(self, consumer: Consumer) -> bool:
        """Take what is there; say whether that was anything, for then there may be more by now."""
        try:
            files = self._directory.files()
        except OSError as error:
            self._tell_once(str(self.config.directory), f"cannot be read: {error.strerror}")
            return False
        self._tidy([file for file in files if file.state == "corrupt"], "corrupt")
        free = self._without_old([file for file in files if self._directory.is_free(file)])
        taken = 0
        for number, file in enumerate(free):
            if self._stop.is_set():
                return False
            try:
                taken += self._take(file, consumer)
            except _BlockedError:
                self._tidy(free[number:], "queue_blocked")
                return False
        return taken > 0

    def _without_old(self, files: list[SpoolFile]) -> list[SpoolFile]:
        """Remove files that are too old; return the others."""
        oldest = self.host.clock() - int(self.config.max_age * 1e9)
        self._discard([file for file in files if file.modified < oldest], "too_old")
        return [file for file in files if file.modified >= oldest]

    def _tidy(self, files: list[SpoolFile], reason: str) -> None:
        """Keep no more of the files that have to stay than allowed, and none for too long."""
        self._discard(self._without_old(files)[: -self.config.max_files], reason)

    def _discard(self, files: list[SpoolFile], reason: str) -> None:
        removed = 0
        for file in files:
            with suppress(OSError):  # somebody has taken it after all, or it cannot be removed
                file.path.unlink()
                removed += 1
        if removed:
            self.host.count("refused", removed, reason=reason)
            self.host.logger.warning("removed %d files that waited in %s (%s)", removed, self.config.directory, reason)

    # ---- one file ----

    def _take(self, file: SpoolFile, consumer: Consumer) -> bool:
        """Take a file and store what it holds; say whether it was to be had."""
        try:
            taken = self._directory.take(file)
            if taken is None:
                return False
            self._end(taken, damaged=self._read(taken, consumer))
        except OSError as error:
            self._tell_once(file.path.name, f"cannot be taken: {error.strerror}")
            return False
        return True

    def _read(self, taken: TakenFile, consumer: Consumer) -> bool:
        """Store what a file holds; say whether it is damaged."""
        refusals: list[tuple[str, str]] = []

        def refuse(number: int, reason: str, why: str) -> None:
            refusals.append((reason, f"line {number}: {why}"))

        done = 0
        try:
            for batch, end in read_batches(taken.file, self.config.max_line_bytes, self.host.clock(), refuse):
                self._store(batch, consumer)
                self.host.count("lines", len(batch))
                done = end
        except _BlockedError:
            self._directory.give_back(taken, done)
            raise
        except OSError as error:
            refuse(0, "unreadable_input", error.strerror or "cannot be read")
        if refusals:
            self._report(taken, refusals)
        return bool(refusals)

    def _report(self, taken: TakenFile, refusals: list[tuple[str, str]]) -> None:
        for reason, _ in refusals:
            self.host.count("refused", reason=reason)
        name, first = f"corrupt-{taken.rest}", refusals[0][1]
        self.host.logger.warning("%s was set aside; damaged lines: %d, the first is %s", name, len(refusals), first)

    def _end(self, taken: TakenFile, *, damaged: bool) -> None:
        try:
            if damaged:
                self._directory.set_aside(taken)
            else:
                self._directory.remove(taken)
        except OSError as error:
            self._tell_once(
                taken.path.name, f"is stored, but cannot be removed, so it may come again: {error.strerror}"
            )

    def _store(self, batch: Batch, consumer: Consumer) -> None:
        """Hand a batch over, as soon as the queue takes it."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return consumer.consume(batch)
            except QueueFullError as error:
                wait = max(error.retry_after, _SHORTEST_WAIT)
            except QueueUnavailableError as error:
                self._tell_once(str(self.config.directory), f"files wait until the queue can store again: {error}")
                wait = _UNAVAILABLE_WAIT
            left = deadline - time.monotonic()
            if left <= 0 or self._stop.wait(min(wait, left)):
                raise _BlockedError

    def _tell_once(self, what: str, text: str) -> None:
        if (what, text) not in self._told:
            self._told.add((what, text))
            self.host.logger.warning("%s %s", what, text)

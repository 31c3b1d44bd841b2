"""Group commit: what several threads want to write at the same time becomes one transaction with one sync."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from beacon_core.errors import QueueError, QueueUnavailableError

T = TypeVar("T")

#: Called once the transaction is on disk, before the next one begins; gives the result.
Finish = Callable[[], T]
#: Writes inside the transaction.
Write = Callable[[sqlite3.Connection], Finish[T]]


#: Puts things right after an error.
Failed = Callable[[sqlite3.Connection, Exception], sqlite3.Connection]

#: What a file can raise: `sqlite3` cannot even decode its own message where that quotes damaged text.
FILE_ERRORS = (sqlite3.Error, UnicodeDecodeError)


class _Waiting:
    """One thread's write, and what became of it."""

    def __init__(self, write: Write[Any], *, synced: bool) -> None:
        self.write = write
        self.synced = synced
        self.finish: Callable[[], Any] | None = None
        self.result: Any = None
        self.error: Exception | None = None
        self.done = False


class GroupCommit:
    """Runs writes in shared transactions.

    A thread adds its write to those that wait, then tries to become the leader. The leader commits everything that
    waits in one transaction; threads that were waiting for the lead meanwhile find their work done. While one group is
    being synced the next one gathers, so the group grows with the load and a single write never waits for company.

    Args:
        connection: used by one thread at a time (`check_same_thread=False`), in autocommit mode.
        failed: called with the connection and the error after a transaction or a query failed, before anyone learns of
            it; returns the connection to go on with.
        alone: makes a context in which no other process commits to a queue that belongs with this one.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        failed: Failed,
        alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._connection = connection
        self._failed = failed
        self._alone = alone
        self._synced: bool | None = None  # how the connection commits; None if that is not known
        self._leading = threading.Lock()
        self._gathering = threading.Lock()
        self._waiting: list[_Waiting] = []

    def run(self, write: Write[T], *, synced: bool = True) -> T:
        """Run a write and return its result once it is on disk.

        A write that raises a `QueueError` must not have written anything yet; the others in its group go on.

        Args:
            write: what to do within the transaction.
            synced: whether a power loss may not undo it. What is not synced outlives this process all the same, and is
                on disk with the next write that is.

        Raises:
            QueueUnavailableError: the transaction failed; nothing of the group was stored.
        """
        waiting = _Waiting(write, synced=synced)
        with self._gathering:
            self._waiting.append(waiting)
        with self._leading:
            if not waiting.done:
                self._lead()
        if waiting.error is not None:
            raise waiting.error
        result: T = waiting.result
        return result

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query between two groups.

        Raises:
            QueueUnavailableError: the file cannot be read now.
        """
        with self._leading:
            try:
                return query(self._connection)
            except FILE_ERRORS as error:
                self._connection = self._failed(self._connection, error)
                self._synced = None
                raise QueueUnavailableError(f"the queue cannot be read now: {error}") from error

    def close(self) -> None:
        """Close the connection once the current group is through."""
        with self._leading:
            self._connection.close()

    def _lead(self) -> None:
        with self._gathering:
            group, self._waiting = self._waiting, []
        try:
            with self._alone():
                self._commit(group)
        except FILE_ERRORS as error:
            self._abandon(group, error)
        for waiting in group:
            if waiting.error is None and waiting.finish is not None:
                waiting.result = waiting.finish()
            waiting.done = True

    def _commit(self, group: list[_Waiting]) -> None:
        self._sync(any(waiting.synced for waiting in group))
        self._connection.execute("BEGIN IMMEDIATE")
        for waiting in group:
            try:
                waiting.finish = waiting.write(self._connection)
            except QueueError as error:
                waiting.error = error
        self._connection.execute("COMMIT")

    def _sync(self, wanted: bool) -> None:
        """Sync commits from now on, or not; the file is consistent in both cases (sqlite.org, "PRAGMA synchronous")."""
        if wanted is not self._synced:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'NORMAL'}")
            self._synced = wanted

    def _abandon(self, group: list[_Waiting], cause: Exception) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._connection = self._failed(self._connection, cause)
        self._synced = None  # it may be another connection
        for waiting in group:
            if waiting.error is None:
                waiting.error = QueueUnavailableError(f"the queue cannot store now: {cause}")

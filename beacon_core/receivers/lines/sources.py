"""Where bytes come from: a file, or a descriptor that may stay silent for a while."""

from __future__ import annotations

import gzip
import os
import queue
import select
import stat
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol, cast

from beacon_core.errors import InvalidDataError

CHUNK_BYTES = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1


class UnreadableInputError(InvalidDataError):
    """An input that cannot be opened or read further."""


class Source(Protocol):
    """One input. Called by one thread at a time."""

    def read(self, timeout: float) -> bytes | None:
        """Return what there is, empty at the end of the input, None if nothing came within `timeout` seconds.

        Raises:
            UnreadableInputError: if reading failed; there is no use in reading on.
        """


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableInputError(error.strerror or "is not a gzip file") from error
    except (EOFError, zlib.error) as error:
        raise UnreadableInputError("is a damaged gzip file") from error


class FileSource:
    """A regular file, which never makes wait."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, timeout: float) -> bytes:  # noqa: ARG002 - the interface's
        with _translated():
            return self._file.read(CHUNK_BYTES)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe that nobody writes to would hang here


@contextmanager
def open_file(path: str) -> Iterator[FileSource]:
    """Open a file for reading; what starts like gzip is decompressed, whatever its name.

    Raises:
        UnreadableInputError: if it cannot be opened or is no regular file: a pipe could make wait for ever.
    """
    with _translated():
        file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115 - closed below
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UnreadableInputError("is not a regular file")
        with _translated():
            compressed = file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
        yield FileSource(cast("BinaryIO", gzip.GzipFile(fileobj=file)) if compressed else file)


class PolledSource:
    """A descriptor (pipe, terminal, file) asked before it is read, so that reading never blocks. Not on Windows."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self, timeout: float) -> bytes | None:
        with _translated():
            if not select.select([self._fd], [], [], timeout)[0]:
                return None
            try:
                return os.read(self._fd, CHUNK_BYTES)
            except BlockingIOError:  # whoever shares the pipe made it non-blocking and somebody else read it
                return None


class ThreadedSource:
    """A descriptor read by a thread, a chunk each time it is asked: where `select` knows sockets only (Windows).

    The thread is a daemon, since nothing can wake it from a read that blocks; what it reads after the last `read` is
    lost, so it reads only while somebody waits for it.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._wanted = threading.Semaphore(0)
        self._chunks: queue.SimpleQueue[bytes | OSError] = queue.SimpleQueue()
        self._asked = False
        threading.Thread(target=self._run, name="beacon-lines-reader", daemon=True).start()

    def read(self, timeout: float) -> bytes | None:
        if not self._asked:
            self._asked = True
            self._wanted.release()
        try:
            chunk = self._chunks.get(timeout=timeout)
        except queue.Empty:
            return None
        self._asked = False
        if isinstance(chunk, OSError):
            raise UnreadableInputError(chunk.strerror or "cannot be read") from chunk
        return chunk

    def _run(self) -> None:
        chunk = b"-"
        while chunk:
            self._wanted.acquire()
            try:
                chunk = os.read(self._fd, CHUNK_BYTES)
            except OSError as error:
                self._chunks.put(error)
                return
            self._chunks.put(chunk)


def open_descriptor(fd: int) -> Source:
    """Return a source that reads `fd` as this system can, without ever blocking for longer than asked."""
    return ThreadedSource(fd) if os.name == "nt" else PolledSource(fd)

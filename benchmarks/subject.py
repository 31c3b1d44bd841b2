"""A program that is measured: its command line, and its processes from start to exit."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from load import PATH
from records import CONTENT_TYPES, Encoding, Template

_PROBES = 9_999_000_000  # number of the first record that asks whether a program is ready; the load has lower ones
_READY_LIMIT = 30.0  # seconds
_STOP_LIMIT = 60.0
_LOOK = 0.1  # seconds between two looks at its memory


class SubjectError(Exception):
    """The program did not do what is needed to measure it."""


@dataclass(frozen=True)
class Subject:
    """A name, a command line with placeholders such as `{port}`, and the processors that it may use; empty: all."""

    name: str
    command: tuple[str, ...]
    processors: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Subject:
        """Read `NAME:COMMAND`.

        Raises:
            ValueError: it is something else.
        """
        name, _, command = text.partition(":")
        if not name.strip() or not command.strip():
            raise ValueError(f"{text!r} is not NAME:COMMAND")
        return cls(name.strip(), tuple(shlex.split(command)))

    def filled(self, values: dict[str, str]) -> list[str]:
        """Return the command line with the placeholders replaced; other braces stay."""
        return [re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), word) for word in self.command]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Running:
    """A started subject and all processes it has started.

    Args:
        subject: what to start.
        folder: an empty one for its state; outlives it, so that it can be started again there.
        sink: port of the destination.
        log: where its output goes.
        processors: those that it may use; empty: all.
    """

    def __init__(self, subject: Subject, folder: Path, sink: int, log: Path, processors: Sequence[int] = ()) -> None:
        self.port = free_port()
        self.peak = 0  # bytes, resident
        self._log = log
        self._ended = threading.Event()
        self._seen: set[psutil.Process] = set()
        values = {
            "port": str(self.port),
            "sink": f"http://127.0.0.1:{sink}",
            "sink_port": str(sink),
            "dir": str(folder),
        }
        environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "BENCH_TOKEN": "made-up"}
        environ |= {f"BENCH_{name.upper()}": value for name, value in values.items()}
        self._began = time.monotonic()
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    subject.filled(values), env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
        except OSError as error:
            raise SubjectError(f"{subject.name} cannot be started: {error}") from None
        if processors:  # before it has threads and children, which inherit it
            psutil.Process(self._process.pid).cpu_affinity(list(processors))
        threading.Thread(target=self._watch, daemon=True).start()

    def wait_until_ready(self, encoding: Encoding) -> float:
        """Send one record until it is accepted; return the seconds from the start to then.

        Raises:
            SubjectError: the program ended, or accepts nothing.
        """
        body = Template(1, 0, encoding).fill(_PROBES + self.port)
        while (now := time.monotonic()) - self._began < _READY_LIMIT:
            if self._process.poll() is not None:
                raise SubjectError(
                    f"ended with {self._process.returncode} before it was ready; it said:\n{self._said()}"
                )
            if _accepts(self.port, body, encoding):
                return time.monotonic() - self._began
            time.sleep(max(0.0, 0.002 - (time.monotonic() - now)))
        raise SubjectError(f"accepted nothing in {_READY_LIMIT:.0f} s; it said:\n{self._said()}")

    def processor_seconds(self) -> float:
        """Return user and system time of all its processes, with those that have ended and were waited for."""
        total = 0.0
        for process in self._tree():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def stop(self) -> float | None:
        """Send SIGTERM and wait; return the seconds until it exited, None if it had to be killed."""
        killed = threading.Event()

        def give_up() -> None:
            killed.set()
            self.kill()

        timer = threading.Timer(_STOP_LIMIT, give_up)
        timer.start()
        begin = time.monotonic()
        self._process.terminate()
        self._process.wait()  # without a time-out, which would make it look every 50 ms only
        seconds = time.monotonic() - begin
        timer.cancel()
        self._ended.set()
        return None if killed.is_set() else seconds

    def kill(self) -> None:
        """End all its processes at once."""
        self._ended.set()
        for process in self._seen.union(self._tree()):  # with those whose parent has ended
            with suppress(psutil.Error):
                process.kill()
        self._process.wait()

    def _tree(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self._process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.Error:
            return []

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            resident = 0
            tree = self._tree()
            self._seen.update(tree)
            for process in tree:
                with suppress(psutil.Error):
                    resident += process.memory_info().rss
            self.peak = max(self.peak, resident)

    def _said(self) -> str:
        return self._log.read_bytes()[-2000:].decode(errors="replace")


def _accepts(port: int, body: bytes, encoding: Encoding) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", PATH, body, {"Content-Type": CONTENT_TYPES[encoding]})
        return connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

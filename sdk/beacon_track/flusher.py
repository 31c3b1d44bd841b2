"""Sends what waits in a spool: a process of its own, which outlives the command that started it [T8, T9].

Run as `python -m beacon_track flush DIRECTORY`, or by an application that calls `flush(directory)` in a hidden command.
Where to send is in its environment, so that no token is on a command line.
"""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from beacon_track import otlp, places, retention, spool, standing
from beacon_track.delivery import Answer, Destination, retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

#: How long a flush may take, and how long one attempt; in seconds.
FLUSH_SECONDS = 60.0
REQUEST_SECONDS = 10.0
#: Events, and bytes, of one request at most, unless one event is longer.
_MAX_EVENTS = 500
_MAX_BYTES = 1_000_000
LOG = "flush.log"


def flush(directory: str, environ: Mapping[str, str] = os.environ) -> int:
    """Send what waits in a directory and return an exit code: 0, or 1 if something is left.

    Several may do that at once: a file is sent by the one that has taken it.
    """
    if not places.private(directory):
        return 1
    retention.keep_limits(directory)
    if environ.get("BEACON_TRACK_PIPELINE"):
        return _run_pipeline(directory, environ["BEACON_TRACK_PIPELINE"], environ)
    destination = _destination(environ)
    if destination is None or standing.on_hold(directory, environ):
        return 1
    ends = time.monotonic() + FLUSH_SECONDS
    for name in spool.waiting(directory):
        taken = spool.take(directory, name) if time.monotonic() < ends else None
        if taken is None:
            continue
        answer = _send_file(directory, taken, destination)
        if answer.verdict == "keep":
            standing.hold(directory, environ, answer.retry_after)
            return 1
        standing.release(directory)
    return 0


def _send_file(directory: str, taken: str, destination: Destination) -> Answer:
    """Send the events of a file that was taken, and delete, shorten or give back the file; return the last answer."""
    try:
        lines = _readable(directory, taken)
    except OSError:
        lines = []
    if not lines:
        spool.set_aside(directory, taken)
        return Answer(200)
    answer = Answer(200)
    for part, rest in _parts(lines):
        answer = post(destination, otlp.merge(part))
        if answer.verdict == "keep":
            spool.give_back(directory, taken)
            return answer
        if answer.verdict == "drop":
            standing.count_dropped(directory, len(part), answer.status)
        _keep_only(directory, taken, rest)
    spool.done(directory, taken)
    return answer


def _readable(directory: str, taken: str) -> list[bytes]:
    """Return the lines of a file that are requests; if only some are, the others are kept in a file of their own.

    Raises:
        OSError: it cannot be read.
    """
    with open(os.path.join(directory, taken), "rb") as file:
        lines = file.read().splitlines()
    damaged = [line for line in lines if not _is_request(line)]
    if damaged and len(damaged) < len(lines):
        spool.write(directory, f"{spool.CORRUPT}{os.getpid()}-{spool.random_name()}.jsonl", damaged)
        _keep_only(directory, taken, [line for line in lines if line not in damaged])
    return [line for line in lines if line not in damaged]


def _is_request(line: bytes) -> bool:
    try:
        return bool(otlp.resource_logs(line))
    except ValueError:
        return False


def _keep_only(directory: str, taken: str, rest: list[bytes]) -> None:
    """Shorten a file before the next request: what was sent is not sent again, even if this process ends here."""
    try:
        if rest:
            spool.rewrite(directory, taken, rest)
    except OSError:  # a full disk: only if this process ends here, too, something is sent again
        pass


def post(destination: Destination, body: bytes) -> Answer:
    """Make one attempt, through a proxy if the environment names one; redirects are not followed; never raises."""
    opener = urllib.request.build_opener(_NoRedirects)
    headers = {"Content-Type": "application/json", **destination.headers}
    try:
        request = urllib.request.Request(f"{destination.url}/v1/logs", body, headers)  # noqa: S310 - http(s) only
        with opener.open(request, timeout=REQUEST_SECONDS) as response:
            return Answer(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return Answer(error.code, retry_after(error.headers.get("Retry-After", "")))
    except (OSError, ValueError):
        return Answer(0)
    except Exception:  # noqa: BLE001 - http.client has errors of its own for every kind of broken answer
        return Answer(0)


def _parts(lines: list[bytes]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Yield the lines of each request, with the lines that come after it; the same lines are always parted alike."""
    start = 0
    while start < len(lines):
        end, size = start + 1, len(lines[start])
        while end < len(lines) and end - start < _MAX_EVENTS and size + len(lines[end]) <= _MAX_BYTES:
            size += len(lines[end])
            end += 1
        yield lines[start:end], lines[end:]
        start = end


def _destination(environ: Mapping[str, str]) -> Destination | None:
    import json

    url = environ.get("BEACON_TRACK_ENDPOINT", "")
    try:
        headers = json.loads(environ.get("BEACON_TRACK_HEADERS") or "{}")
    except ValueError:
        return None
    return Destination(url, headers) if url.startswith(("http://", "https://")) and isinstance(headers, dict) else None


def _run_pipeline(directory: str, pipeline: str, environ: Mapping[str, str]) -> int:
    """Have Beacon run the application's pipeline once over the directory."""
    import subprocess

    beacon = beacon_command(environ)
    variables = {name: value for name, value in environ.items() if name != "PYTHONPATH"}
    variables.update(BEACON_TRACK_DISABLED="1", BEACON_TRACK_SPOOL=directory)
    if not beacon or not spool.waiting(directory):
        return 1 if not beacon else 0
    command = [beacon, "run", "--once", "--pipeline", pipeline]
    # The log of a process that nobody watches is in nobody's way, and tells what went wrong.
    with open(os.open(os.path.join(directory, LOG), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
        done = subprocess.run(  # noqa: S603 - the command stands above
            command, cwd=directory, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        )
    return 1 if done.returncode else 0


def beacon_command(environ: Mapping[str, str]) -> str:
    """Return the `beacon` beside this Python, else the one on the path; empty if beacon-core is not installed."""
    import shutil
    import sys

    beside = os.path.dirname(sys.executable)
    return shutil.which("beacon", path=beside) or shutil.which("beacon", path=environ.get("PATH", "")) or ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: credentials go nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request."""

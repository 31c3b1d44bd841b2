"""What becomes of a command's events when it ends [T7, T8]: delivered at once, or left to a process of their own."""

from __future__ import annotations

import os
import sys
import time

from beacon_track import debug, delivery, environment, otlp, quiet, retention, spool, standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from beacon_track.delivery import Answer, Destination
    from beacon_track.journal import Journal
    from beacon_track.settings import Settings

#: How long a command waits for a server on its own machine.
DIRECT_SECONDS = 0.03
#: In CI all of it may take so long: there is no next run [T9].
CI_SECONDS = 2.0
_CI_DIRECT_SECONDS = 1.5

#: What the flusher needs of the environment: to find Python, the user's directories and the network.
_PASSED_ON = frozenset(
    (
        *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "PYTHONHOME"),
        *("SYSTEMROOT", "WINDIR", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_STATE_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("https_proxy", "http_proxy", "no_proxy", "all_proxy"),
    )
)


def depart(settings: Settings, journal: Journal | None, lines: Sequence[bytes], *, wait: bool) -> None:
    """See to the events of a process; nothing is raised, and what could not be sent is kept where that is possible.

    Args:
        settings: of the application.
        journal: where the events are meanwhile; nothing where nothing can be written.
        lines: the events.
        wait: whether this is the end of the process, which waits for the delivery in CI.
    """
    given = environment.timeout()
    ends = time.monotonic() + ((CI_SECONDS if given is None else given) if wait else 0)
    sidecar = delivery.sidecar()
    answer = _ask(sidecar, lines) if sidecar is not None and sidecar.direct else None
    if answer is not None and answer.verdict != "keep":
        if journal is not None:
            _settled(journal, answer, len(lines))
    elif journal is None or not _kept(journal, lines):
        debug.say(f"flush: {len(lines)} events lost, they could not be written")
    if journal is None:
        return
    retention.keep_limits(journal.directory)
    variables = flusher_variables(settings, journal.directory, sidecar)
    if answer is not None and answer.verdict == "keep" and answer.status:
        standing.hold(journal.directory, variables, answer.retry_after)
    elif spool.waiting(journal.directory):
        quiet.quietly(flush_apart, settings, journal.directory, variables, ends)


def flush_apart(settings: Settings, directory: str, variables: Mapping[str, str], ends: float) -> None:
    """Start a process that sends what waits in a directory; in CI wait for it until `ends` (monotonic seconds).

    It is told where to with `variables`; without any, there is nobody to send to.

    Raises:
        OSError: it cannot be started; the events stay.
    """
    command = flusher_command(settings, directory)
    if not variables or not command or standing.on_hold(directory, variables):
        return
    import subprocess

    passed = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    windows = 0x00000208 if sys.platform == "win32" else 0  # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP
    process = subprocess.Popen(  # noqa: S603 - the application's own command, or Python with this package
        command,
        cwd=directory,
        env={**passed, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=windows,
    )
    debug.say("flush: started a process for what waits")
    if environment.in_ci() and ends > time.monotonic():
        try:
            process.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            debug.say("flush: it goes on without this command")
    process.returncode = process.returncode or 0  # it is on its own: no warning about a process still running


def flusher_command(settings: Settings, directory: str) -> list[str]:
    """Return how to run the flusher: the application's own command, else this package; never code as an argument."""
    if settings.flush_command:
        return [*settings.flush_command, directory]
    if not sys.executable or getattr(sys, "frozen", False):
        return []
    return [sys.executable, "-m", "beacon_track", "flush", directory]


def flusher_variables(settings: Settings, directory: str, sidecar: Destination | None) -> dict[str, str]:
    """Return what the flusher is told in its environment, where a token is safe; nothing without a destination."""
    found = {}
    if sidecar is not None:
        found["BEACON_TRACK_ENDPOINT"] = sidecar.url
        if sidecar.headers:
            found["BEACON_TRACK_HEADERS"] = otlp.dump(sidecar.headers).decode()
    elif settings.endpoint:
        found["BEACON_TRACK_ENDPOINT"] = settings.endpoint
        if settings.token:
            found["BEACON_TRACK_HEADERS"] = otlp.dump({"Authorization": f"Bearer {settings.token}"}).decode()
    elif settings.pipeline:
        found = {"BEACON_TRACK_PIPELINE": settings.pipeline, "BEACON_TRACK_TOKEN": settings.token}
        own = {name: os.environ[name] for name in referred(settings.pipeline) if name in os.environ}
        found = {**own, **{name: value for name, value in found.items() if value}}
    if found:
        found.update(BEACON_TRACK_DISABLED="1", BEACON_TRACK_SPOOL=directory, **_python_path())
    return found


def referred(pipeline: str) -> Iterator[str]:
    """Yield the environment variables that a pipeline file refers to as `${env:NAME}`."""
    import re

    try:
        with open(pipeline, encoding="utf-8") as file:
            yield from re.findall(r"\$\{env:(\w+)", file.read())
    except (OSError, ValueError):
        return


def _ask(sidecar: Destination, lines: Sequence[bytes]) -> Answer:
    """Try to deliver to a server on this machine."""
    given = environment.timeout()
    usual = _CI_DIRECT_SECONDS if environment.in_ci() else DIRECT_SECONDS
    answer = delivery.post(sidecar, otlp.merge(lines), usual if given is None else given)
    debug.say(f"flush: {len(lines)} events, status {answer.status}: {answer.verdict}")
    return answer


def _settled(journal: Journal, answer: Answer, events: int) -> None:
    """Take note that a server has the events, or has refused them for good."""
    quiet.quietly(journal.discard)
    if answer.verdict == "drop":
        standing.count_dropped(journal.directory, events, answer.status)
    else:
        standing.release(journal.directory)


def _kept(journal: Journal, lines: Sequence[bytes]) -> bool:
    try:
        journal.finish(lines)
    except OSError:
        return False
    return True


def _python_path() -> dict[str, str]:
    """Return what makes the flusher find this package where Python would not find it by itself."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    site = sys.modules.get("site")
    try:
        known = [*site.getsitepackages(), site.getusersitepackages()] if site is not None else []
    except AttributeError:  # virtualenv's own, long ago
        known = []
    return {} if root in known else {"PYTHONPATH": root}

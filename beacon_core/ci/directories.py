"""Where a session keeps its files: found in the same way by the command that starts it and the one that ends it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from beacon_core.ci.recognition import is_ours
from beacon_core.ci.session import Session
from beacon_core.errors import ConfigurationError

#: What a session writes into its base directory, beside the log.
STATE, PIPELINE, COLLECTOR_LOG, QUEUE, RECEIPT, READY, LOG = (
    *("session.json", "pipeline.yaml", "collector.log", "queue.db", "receipt.json", "ready.json", "runtime.jsonl"),
)
_PRIVATE = 0o700


@dataclass(frozen=True)
class Places:
    """The files of one session; all paths are absolute.

    Attributes:
        base: the base directory.
        log: what the pipeline's file exporter writes.
        state: the session's state.
        agents: what agents keep of a session, unsanitized and beside links to their credentials: never in the base
            directory, which people save as an artifact.
        given: the user named the directory; otherwise it is Beacon's own.
        by_state: the user named the state file only, which says where the others are.
    """

    base: Path
    log: Path
    state: Path
    agents: Path
    given: bool = True
    by_state: bool = False

    @property
    def pipeline(self) -> Path:
        """The pipeline in effect."""
        return self.base / PIPELINE

    @property
    def collector_log(self) -> Path:
        """What the sidecar has to say."""
        return self.base / COLLECTOR_LOG

    @property
    def queue(self) -> Path:
        """The queue's file."""
        return self.base / QUEUE

    @property
    def receipt(self) -> Path:
        """The receipt, written by the sidecar at its end."""
        return self.base / RECEIPT

    @property
    def ready(self) -> Path:
        """Where the sidecar says that it accepts; gone when it has ended."""
        return self.base / READY


def of_session(places: Places, session: Session) -> Places:
    """Return where the files of a session are.

    The state file could have been edited: it is asked only where the command line named nothing else, and for a log
    with a name of its own in the base directory.
    """
    base = Path(session.base_dir) if places.by_state else places.base
    log = Path(session.log_path)
    is_there = places.by_state or log.parent == base
    return replace(places, base=base, log=log if is_there else places.log)


def beside(places: Places, name: str) -> Places:
    """Return places in a directory of their own, below a base directory that another session has."""
    base = places.base / name
    agents = places.agents.with_name(f"{places.agents.name}-{name}")
    return Places(base=base, log=base / LOG, state=base / STATE, agents=agents, given=False)


def locate(
    environ: Mapping[str, str],
    *,
    base_dir: Path | None = None,
    log_path: Path | None = None,
    state_file: Path | None = None,
) -> Places:
    """Return where the files of a session are ([C3], [C5]); touches nothing.

    Args:
        environ: for the default.
        base_dir: as the user gave it; otherwise the directory of `log_path`, of `state_file`, or the default one.
        log_path: as the user gave it.
        state_file: as the user gave it.
    """
    base = base_dir or next((each.parent for each in (log_path, state_file) if each is not None), None)
    directory = _absolute(base if base is not None else default_directory(environ))
    return Places(
        base=directory,
        log=_absolute(log_path) if log_path is not None else directory / LOG,
        state=_absolute(state_file) if state_file is not None else directory / STATE,
        agents=_agents_directory(environ, directory),
        given=base is not None,
        by_state=base_dir is None and log_path is None and state_file is not None,
    )


def default_directory(environ: Mapping[str, str]) -> Path:
    """Return `$RUNNER_TEMP/beacon`, else `<tmp>/beacon-<uid>`."""
    if environ.get("RUNNER_TEMP"):
        return Path(environ["RUNNER_TEMP"], "beacon")
    import tempfile  # noqa: PLC0415 - slow to import, and rarely needed in CI

    user = os.getuid() if hasattr(os, "getuid") else environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir(), f"beacon-{user}")


def _agents_directory(environ: Mapping[str, str], base: Path) -> Path:
    """Return a directory of the same name whenever the base directory and the default are the same."""
    default = _absolute(default_directory(environ))
    of_base = "" if base == default else f"-{hashlib.sha256(os.fsencode(base)).hexdigest()[:12]}"
    return default.with_name(f"{default.name}-agents{of_base}")


def prepare_agents(places: Places) -> None:
    """Make the directory for what agents keep, for its owner only.

    Raises:
        OSError: it cannot be made.
        ConfigurationError: it belongs to somebody else.
    """
    places.agents.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    _make_private(places.agents)


def prepare(places: Places) -> None:
    """Make the base directory, for its owner only, and see that nothing of the user's would be overwritten.

    Raises:
        ConfigurationError: the directory is not fit for it.
    """
    try:
        for folder in dict.fromkeys((places.base, places.log.parent, places.state.parent)):
            folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        if not places.given:
            _make_private(places.base)
    except OSError as error:
        where = error.filename or places.base
        raise ConfigurationError(f"{where} cannot be used: {error.strerror}; give another --base-dir") from None
    for path in (places.state, places.pipeline, places.collector_log, places.receipt, places.ready, places.queue):
        if os.path.lexists(path) and not is_ours(path):
            raise ConfigurationError(
                f"{path} is there already and was not made by Beacon; give another --base-dir, or move it away"
            )


def _make_private(folder: Path) -> None:
    """See that a directory under a well-known name is ours alone: anybody could have made it first."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise ConfigurationError(f"{folder} belongs to somebody else or is a link; remove it or give a --base-dir")
    if stat.S_IMODE(found.st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - links stay what the user wrote

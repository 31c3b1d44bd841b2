"""Ends a session: drain, spool, receipt, validation, summary, and what is to be deleted ([C5], [C6])."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from beacon_core.ci.artifacts import delete_artifacts
from beacon_core.ci.directories import Places
from beacon_core.ci.pipelines import variables_of
from beacon_core.ci.processes import Running, end
from beacon_core.ci.recognition import is_ours
from beacon_core.ci.session import Session
from beacon_core.ci.sidecar import drain
from beacon_core.ci.spool import spool
from beacon_core.ci.starting import neutralize, now
from beacon_core.ci.summary import read_receipt, write_report, write_step_summary
from beacon_core.ci.validation import Expectation, Validation, validate
from beacon_core.errors import BeaconError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a session is to end.

    Attributes:
        places: where the session's files are, as the command line says.
        grace: seconds after which the sidecar is killed.
        expected: what the session is to have.
        keep_artifacts: leave its files where they are.
        spool_dir: where to put what could not be delivered; None: as at the start.
        step_summary: the file of GITHUB_STEP_SUMMARY.
        report: where to write the report as HTML.
        github_env: the file of GITHUB_ENV, to take back what `start` has exported.
        env_file: a dotenv file, likewise.
    """

    places: Places
    grace: float = 10.0
    expected: Expectation = field(default_factory=Expectation)
    keep_artifacts: bool = True
    spool_dir: Path | None = None
    step_summary: Path | None = None
    report: Path | None = None
    github_env: Path | None = None
    env_file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a session ended.

    Attributes:
        session: its state.
        clean: the sidecar came to its end in an orderly way.
        validation: whether its telemetry came.
        receipt: what became of every event; None if the sidecar has left none.
        spooled: where the queue was put, if something was left in it.
        notices: what the user should know.
    """

    session: Session
    clean: bool
    validation: Validation
    receipt: dict[str, Any] | None
    spooled: Path | None
    notices: list[str]

    @property
    def queued(self) -> int:
        """Events that could not be delivered and are still in the queue, summed over exporters."""
        return sum(line["queued"] for line in self.receipt["exporters"].values()) if self.receipt else 0

    @property
    def failed(self) -> bool:
        """Whether the telemetry did not come, or not in an orderly way."""
        return self.validation.result == "fail" or not self.clean

    @property
    def incomplete(self) -> bool:
        """Whether a destination does not have everything."""
        lines = self.receipt["exporters"].values() if self.receipt else ()
        return any(line["queued"] or line["dead_lettered"] or line["dropped"] for line in lines)

    def as_json(self) -> dict[str, Any]:
        """Return it as data; the names stay the same over versions."""
        return {
            "result": "fail" if self.failed else self.validation.result,
            "clean": self.clean,
            "base_dir": self.session.base_dir,
            "log_path": self.session.log_path,
            "run": self.session.run,
            "started_at": self.session.started_at,
            "stopped_at": self.session.stopped_at,
            "validation": self.validation.as_json(),
            "receipt": self.receipt,
            "queued": self.queued,
            "spooled": str(self.spooled) if self.spooled else None,
            "notices": self.notices,
        }


def finish(session: Session, sidecar: Running, ending: Ending, *, hurry: Callable[[], bool] = lambda: False) -> Outcome:
    """End a session and say how it went. Nothing that fails here keeps the rest from being done.

    Args:
        session: its state.
        sidecar: its process, recognized.
        ending: how.
        hurry: asked while the sidecar delivers; once it says yes, the rest stays queued.
    """
    notices: list[str] = []
    end(sidecar, ending.grace, hurry=hurry)
    receipt = read_receipt(ending.places.receipt)
    clean = receipt is not None
    if not clean:
        _noted(notices, lambda: _recover(session, ending, notices))
        receipt = read_receipt(ending.places.receipt)
    validation = validate(Path(session.log_path), session.log_offset, ending.expected)
    session = replace(session, stopped_at=now())
    outcome = Outcome(
        session=session,
        clean=clean,
        validation=validation,
        receipt=receipt,
        spooled=None,
        notices=notices,
    )
    outcome = replace(outcome, spooled=_noted(notices, lambda: _spool(outcome, ending)))
    _noted(notices, lambda: _hand_over(outcome, ending))
    _noted(notices, session.write)
    if not ending.keep_artifacts:
        _noted(notices, lambda: notices.extend(delete_artifacts(ending.places, log_is_ours=not session.log_offset)))
    return outcome


def _recover(session: Session, ending: Ending, notices: list[str]) -> None:
    """Deliver what a sidecar that was killed has left: every acknowledged event is in its queue (P1)."""
    places = ending.places
    if not (is_ours(places.queue) and is_ours(places.pipeline)):
        notices.append("the sidecar was killed before it had a queue")
    elif drain(places, os.environ, variables_of(session), ending.grace):
        notices.append("the sidecar was killed; what it had accepted is delivered now")
    else:
        notices.append(f"the sidecar was killed; what it had accepted is in {places.queue}")


def _spool(outcome: Outcome, ending: Ending) -> Path | None:
    folder = ending.spool_dir or (Path(outcome.session.spool_dir) if outcome.session.spool_dir else None)
    if folder is None or (outcome.receipt is not None and not outcome.queued) or not ending.places.queue.exists():
        return None
    return spool(ending.places, folder, outcome.session.nonce)


def _hand_over(outcome: Outcome, ending: Ending) -> None:
    """Tell the CI: the summary, the report, and later steps that the port is closed."""
    log, offset, notices = Path(outcome.session.log_path), outcome.session.log_offset, outcome.notices
    if ending.step_summary is not None:
        summary = ending.step_summary
        _noted(notices, lambda: write_step_summary(summary, log, offset, outcome.receipt))
    if ending.report is not None:
        report = ending.report
        _noted(notices, lambda: write_report(report, log, offset, outcome.receipt))
    if outcome.session.exported_env:
        files: Mapping[str, Path | None] = {"github_env": ending.github_env, "env_file": ending.env_file}
        agents = ending.places.agents
        _noted(notices, lambda: neutralize(outcome.session.exported_env, agents, **files))


def _noted(notices: list[str], work: Callable[[], T]) -> T | None:
    try:
        return work()
    except OSError as error:
        notices.append(f"{error.filename or 'a file'}: {error.strerror}")
    except BeaconError as error:
        notices.append(str(error))
    return None

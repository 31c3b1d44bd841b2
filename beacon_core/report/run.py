"""The run of a CI that events came from, as their resource tells."""

from __future__ import annotations

from dataclasses import dataclass, fields

from beacon_core.report.bounded import shortened
from beacon_core.report.record import JsonMap, text


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a CI, or of Beacon where there is no CI. All members are empty where nothing tells them.

    Attributes:
        provider: which CI.
        id: the pipeline's run; outside of a CI that of Beacon, which is new at each start.
        attempt: which attempt.
        pipeline: the pipeline's name.
        task: the job's name.
        task_run_id: the job's run.
        url: where to look at it.
        repository: the repository's address.
        branch: branch or tag.
        revision: the commit.
        change_id: the pull or merge request.
    """

    provider: str = ""
    id: str = ""
    attempt: str = ""
    pipeline: str = ""
    task: str = ""
    task_run_id: str = ""
    url: str = ""
    repository: str = ""
    branch: str = ""
    revision: str = ""
    change_id: str = ""


_ATTRIBUTES = {
    "provider": "beacon.run.provider",
    "id": "cicd.pipeline.run.id",
    "attempt": "beacon.run.attempt",
    "pipeline": "cicd.pipeline.name",
    "task": "cicd.pipeline.task.name",
    "task_run_id": "cicd.pipeline.task.run.id",
    "url": "cicd.pipeline.run.url.full",
    "repository": "vcs.repository.url.full",
    "branch": "vcs.ref.head.name",
    "revision": "vcs.ref.head.revision",
    "change_id": "vcs.change.id",
}

#: Run -> its members, in the order of reports.
RUN_MEMBERS = tuple(field.name for field in fields(Run))


def run_of(resource: JsonMap) -> Run:
    """Return the run that a resource tells.

    `beacon.run.id` is not part of it where the CI has a run's id: two sessions of one job are in one run.
    """
    found = {member: shortened(_text(resource, name)) for member, name in _ATTRIBUTES.items()}
    found["id"] = found["id"] or shortened(_text(resource, "beacon.run.id"))
    return Run(**found)


def _text(resource: JsonMap, name: str) -> str:
    """Return an attribute as a text: numbers are ids, too."""
    value = resource.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text(resource, name)

"""The options of the fingerprint processor."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field, field_validator

from beacon_core.config import ComponentConfig
from beacon_core.processors.fingerprint.names import ATTRIBUTES, PERSONAL


class FieldSelection(ComponentConfig):
    """Single attributes, beside the groups. What `include` names is added, whatever else says otherwise."""

    exclude: list[str] = Field(default_factory=list)
    """Names, or patterns such as `vcs.change.*`, of what is left out."""

    include: list[str] = Field(default_factory=list)
    """Names or patterns of what is added although its group is off or `exclude` names it. A host's and a person's name
    are only added if they are named in full: `user.name`, `beacon.run.actor`, `host.name`."""

    @field_validator("exclude", "include")
    @classmethod
    def _names_something(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in ATTRIBUTES):
                raise ValueError(f'"{pattern}" names no attribute of the fingerprint{_hint(pattern)}')
        return patterns


class FingerprintConfig(ComponentConfig):
    """What the resource of an event is told about where it comes from."""

    os: bool = True
    """Operating system and architecture: `os.type`, `os.version`, `host.arch`."""

    runtime: bool = True
    """The interpreter that runs Beacon: `process.runtime.name`, `process.runtime.version`."""

    shell: bool = True
    """The name of the user's shell, without its path: `beacon.shell.name`."""

    container: bool = True
    """The container and the pod: `container.runtime.name`, `container.id`, `k8s.namespace.name`, `k8s.pod.uid`."""

    agent: bool = True
    """The coding agent that started Beacon, or what started it: `beacon.run.agent.*`."""

    run: bool = True
    """Which run this is: `beacon.run.id`, from `BEACON_RUN_ID`, else random at each start."""

    ci: bool = True
    """The CI run: `cicd.*`, `vcs.*`, the other `beacon.run.*`."""

    git: bool = True
    """Read which commit is checked out from the files of the checkout in the working directory, in a CI run whose
    environment does not say it. No program is started."""

    worker: bool = True
    """The CI worker: `cicd.worker.id`, `cicd.worker.name`; left out while they contain the host's name."""

    host_name: bool = False
    """The host's name: `host.name`, and workers and containers that are called after their host."""

    user_name: bool = False
    """Names of people: `user.name` (who runs Beacon) and `beacon.run.actor` (who started the CI run)."""

    keep_names: bool = False
    """Keep the names of hosts and people that events bring along (`host.name`, `user.name`, `user.email`,
    `process.owner`) although `host_name` and `user_name` are off; else they are removed."""

    fields: FieldSelection = FieldSelection()
    """Single attributes, beside the groups above."""

    providers: list[Path] = Field(default_factory=list)
    """Files (YAML) with CI providers of your own, tried before the shipped ones."""

    def adds(self, name: str, *, host: bool = False) -> bool:
        """Return whether an attribute is switched on.

        Args:
            name: the attribute.
            host: its value contains a host's name.
        """
        switches = {*ATTRIBUTES[name].switches, *(("host_name",) if host else ())}
        if name in self.fields.include:
            return True
        if not switches & PERSONAL and any(fnmatchcase(name, pattern) for pattern in self.fields.include):
            return True
        excluded = any(fnmatchcase(name, pattern) for pattern in self.fields.exclude)
        return not excluded and all(getattr(self, switch) for switch in switches)


def _hint(pattern: str) -> str:
    from beacon_core.config import did_you_mean  # noqa: PLC0415 - only where something is wrong

    return did_you_mean(pattern, ATTRIBUTES) if "*" not in pattern else ""

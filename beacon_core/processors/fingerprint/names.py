"""The attributes that the fingerprint can have: their names, what they mean, what switches them on.

Names are OpenTelemetry's as of `SCHEMA_URL` (`os`, `host`, `process`, `container`, `k8s`, `cicd`, `vcs`,
`telemetry`), else `beacon.*` (agents.md 8.1).
"""

from __future__ import annotations

from typing import NamedTuple

#: The registry that the names were taken from; CI/CD names are release candidates in it, VCS names in development.
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

FINGERPRINT = "beacon.fingerprint"
PROVIDER = "beacon.run.provider"
RUN_ID = "beacon.run.id"
EPHEMERAL = "beacon.run.ephemeral"
ACTOR = "beacon.run.actor"
AGENT_NAME = "beacon.run.agent.name"
AGENT_VERSION = "beacon.run.agent.version"
SHELL = "beacon.shell.name"
CONTAINER_ID = "container.id"
CONTAINER_RUNTIME = "container.runtime.name"
WORKER_ID = "cicd.worker.id"
WORKER_NAME = "cicd.worker.name"
PIPELINE_RUN_ID = "cicd.pipeline.run.id"
PIPELINE_RUN_STATE = "cicd.pipeline.run.state"
REPOSITORY_URL = "vcs.repository.url.full"
HEAD_NAME = "vcs.ref.head.name"
HEAD_REVISION = "vcs.ref.head.revision"


class Attribute(NamedTuple):
    """One attribute.

    Attributes:
        meaning: a sentence's beginning, for the reference page.
        switches: options of `FingerprintConfig` that all have to be on; none for what is always added.
    """

    meaning: str
    switches: tuple[str, ...] = ()


_RUN = ("ci",)
ATTRIBUTES: dict[str, Attribute] = {
    "telemetry.distro.name": Attribute("`beacon`"),
    "telemetry.distro.version": Attribute("Beacon's version"),
    FINGERPRINT: Attribute("the hash of the environment, 16 hex digits"),
    RUN_ID: Attribute("which run this is: `BEACON_RUN_ID`, else random at each start", ("run",)),
    "os.type": Attribute("operating system: `linux`, `darwin`, `windows` ...", ("os",)),
    "os.version": Attribute("its release, of Linux the kernel's", ("os",)),
    "host.arch": Attribute("processor architecture: `amd64`, `arm64` ...", ("os",)),
    "host.name": Attribute("the host's name", ("host_name",)),
    "user.name": Attribute("who runs Beacon", ("user_name",)),
    "user.email": Attribute("a person's address; never added, only kept", ("user_name",)),
    "process.owner": Attribute("who runs the program that sends; never added, only kept", ("user_name",)),
    "process.runtime.name": Attribute("the interpreter that runs Beacon", ("runtime",)),
    "process.runtime.version": Attribute("its version", ("runtime",)),
    SHELL: Attribute("the user's shell, without its path", ("shell",)),
    CONTAINER_RUNTIME: Attribute("what runs the container: `docker`, `podman`, `containerd`, `cri-o`", ("container",)),
    CONTAINER_ID: Attribute("the container's id; left out where it is the host's name, too", ("container",)),
    "k8s.namespace.name": Attribute("the namespace of the pod in Kubernetes", ("container",)),
    "k8s.pod.uid": Attribute("the pod's id", ("container",)),
    AGENT_NAME: Attribute("the coding agent that started Beacon, or what started it", ("agent",)),
    AGENT_VERSION: Attribute("its version, where it says so", ("agent",)),
    PROVIDER: Attribute("the CI provider, `unknown` where only `CI` is set", _RUN),
    "beacon.run.attempt": Attribute("which attempt at the run this is, from 1", _RUN),
    "beacon.run.event": Attribute("what started the run, in the provider's words", _RUN),
    ACTOR: Attribute("who started the run", ("ci", "user_name")),
    EPHEMERAL: Attribute("whether the machine is thrown away afterwards; left out where that is not known", _RUN),
    "cicd.pipeline.name": Attribute("the pipeline", _RUN),
    PIPELINE_RUN_ID: Attribute("its run; unique only together with provider and repository", _RUN),
    "cicd.pipeline.run.url.full": Attribute("the page of the run", _RUN),
    PIPELINE_RUN_STATE: Attribute("`executing`", _RUN),
    "cicd.pipeline.action.name": Attribute("`BUILD`, `RUN` or `SYNC`, where a provider of yours says so", _RUN),
    "cicd.pipeline.task.name": Attribute("the job", _RUN),
    "cicd.pipeline.task.run.id": Attribute("the run of the job", _RUN),
    "cicd.pipeline.task.run.url.full": Attribute("the page of the job's run", _RUN),
    "cicd.pipeline.task.type": Attribute("`build`, `test` or `deploy`, where the provider says so", _RUN),
    WORKER_ID: Attribute("the runner's or agent's id", ("ci", "worker")),
    WORKER_NAME: Attribute("its name", ("ci", "worker")),
    "vcs.provider.name": Attribute("`github`, `gitlab`, `bitbucket`, `gitea`", _RUN),
    "vcs.owner.name": Attribute("who the repository belongs to: the part of its path before the name", _RUN),
    "vcs.repository.name": Attribute("the repository", _RUN),
    REPOSITORY_URL: Attribute("its web address, without credentials, query and fragment", _RUN),
    HEAD_NAME: Attribute("branch or tag; of a pull request the branch that is to be merged", _RUN),
    "vcs.ref.head.type": Attribute("`branch` or `tag`", _RUN),
    HEAD_REVISION: Attribute("the commit", _RUN),
    "vcs.ref.base.name": Attribute("the branch that a pull request is to be merged into", _RUN),
    "vcs.ref.base.type": Attribute("`branch`", _RUN),
    "vcs.ref.base.revision": Attribute("that branch's commit", _RUN),
    "vcs.change.id": Attribute("the number of the pull request", _RUN),
    "vcs.change.title": Attribute("its title", _RUN),
    "vcs.change.state": Attribute("`open`, `wip`, `closed` or `merged`", _RUN),
}

#: Switches of what says something about a person or a single machine; a pattern does not switch these on.
PERSONAL = frozenset({"host_name", "user_name"})

#: Names of hosts and people, which sources send, too; they are removed where their switch is off.
NAMING = tuple(name for name, attribute in ATTRIBUTES.items() if PERSONAL & {*attribute.switches[:1]})

#: What the hash is made of: what runs on the same kind of machine have in common. Nothing that says which run it is, on
#: what it works or who started it; not Beacon's version either, or each upgrade would look like new machines.
HASHED = (
    "os.type",
    "os.version",
    "host.arch",
    "process.runtime.name",
    "process.runtime.version",
    SHELL,
    CONTAINER_RUNTIME,
    PROVIDER,
    EPHEMERAL,
)

#: What a row of the provider table can give; the types of refs and the state follow from the rest.
GIVEN = tuple(
    name
    for name, attribute in ATTRIBUTES.items()
    if "ci" in attribute.switches
    and name not in {PROVIDER, PIPELINE_RUN_STATE, "vcs.ref.head.type", "vcs.ref.base.type"}
)

#: What coding agents are told about the run, too, the most important first (agents.md 8.1); no name of a person.
TOLD = (
    RUN_ID,
    PIPELINE_RUN_ID,
    REPOSITORY_URL,
    HEAD_REVISION,
    HEAD_NAME,
    "cicd.pipeline.name",
    "cicd.pipeline.task.name",
    "cicd.pipeline.task.run.id",
    "vcs.change.id",
    PROVIDER,
    "beacon.run.attempt",
    "beacon.run.event",
    EPHEMERAL,
)


class Found(NamedTuple):
    """A value and where it comes from.

    Attributes:
        value: as it goes into the resource.
        origin: the variable, or what else it was read from; never the value.
        host: the value is a host's name.
    """

    value: str | bool
    origin: str
    host: bool = False

"""What the resource of every event is given: machine, runtime, shell, Beacon itself, the CI run, and their hash.

Names are OpenTelemetry's (semantic conventions: `os`, `host`, `process`, `cicd`, `vcs`, `telemetry`), else `beacon.*`.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Mapping

import msgspec

from beacon_core import __version__
from beacon_core.config import ComponentConfig
from beacon_core.event import Attributes
from beacon_core.processors.fingerprint.detection import EPHEMERAL, PROVIDER, detect
from beacon_core.processors.fingerprint.values import clean

FINGERPRINT = "beacon.fingerprint"
ACTOR = "beacon.run.actor"
SHELL = "beacon.shell.name"

#: What the hash is made of: what runs on the same kind of machine have in common. Nothing that says which run it is, on
#: what it works or who started it; not Beacon's version either, or each upgrade would look like new machines.
HASHED = (
    "os.type",
    "os.version",
    "host.arch",
    "process.runtime.name",
    "process.runtime.version",
    SHELL,
    PROVIDER,
    EPHEMERAL,
)

# platform.system() in lower case -> os.type, platform.machine() in lower case -> host.arch, where they differ
_OS_TYPES = {"sunos": "solaris", "hp-ux": "hpux", "dragonfly": "dragonflybsd", "os390": "zos", "z/os": "zos"}
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x64": "amd64",
    "aarch64": "arm64",
    "ppc64le": "ppc64",
    "i386": "x86",
    "i686": "x86",
}
_SHELL = re.compile(r"([\w.+-]{1,32}?)(?:\.exe)?", re.ASCII | re.IGNORECASE)


class FingerprintConfig(ComponentConfig):
    """What the resource of an event is told about where it comes from."""

    os: bool = True
    """Operating system and architecture: `os.type`, `os.version`, `host.arch`."""

    runtime: bool = True
    """The interpreter that runs Beacon: `process.runtime.name`, `process.runtime.version`."""

    shell: bool = True
    """The name of the user's shell, without its path: `beacon.shell.name`."""

    ci: bool = True
    """The CI run: `cicd.*`, `vcs.*`, `beacon.run.*`."""

    worker: bool = True
    """The CI worker: `cicd.worker.id`, `cicd.worker.name`; left out while they contain the host's name."""

    host_name: bool = False
    """The host's name: `host.name`, and workers that are called after their host."""

    user_name: bool = False
    """Names of people: `user.name` (who runs Beacon) and `beacon.run.actor` (who started the CI run)."""


def environment_attributes(config: FingerprintConfig, environ: Mapping[str, str]) -> Attributes:
    """Return what a process with the environment `environ` adds to resources, `beacon.fingerprint` included."""
    found: Attributes = {"telemetry.distro.name": "beacon", "telemetry.distro.version": __version__}
    host = clean(platform.node())
    if config.os:
        found |= _system()
    if config.runtime:
        found |= _runtime()
    if config.shell:
        found[SHELL] = _shell(environ)
    if config.host_name:
        found["host.name"] = host
    if config.user_name:
        found["user.name"] = _user(environ)
    if config.ci:
        found |= _run(config, environ, host)
    found = {name: value for name, value in found.items() if value != ""}
    found[FINGERPRINT] = environment_hash(found)
    return found


def environment_hash(attributes: Attributes) -> str:
    """Return 16 hex digits that are the same for the same kind of environment, over runs and machines."""
    described = {name: attributes[name] for name in HASHED if name in attributes}
    return hashlib.sha256(msgspec.json.encode(described, order="sorted")).hexdigest()[:16]


def _system() -> Attributes:
    system, machine = platform.system().lower(), platform.machine().lower()
    return {
        "os.type": _OS_TYPES.get(system, system),
        "os.version": clean(platform.release()),
        "host.arch": "arm32" if machine.startswith("armv") else _ARCHITECTURES.get(machine, machine),
    }


def _runtime() -> Attributes:
    version = ".".join(str(part) for part in sys.implementation.version[:3])
    return {"process.runtime.name": sys.implementation.name, "process.runtime.version": version}


def _shell(environ: Mapping[str, str]) -> str:
    path = environ.get("SHELL") or environ.get("COMSPEC") or environ.get("ComSpec") or ""
    name = _SHELL.fullmatch(re.split(r"[/\\]", path)[-1])
    return name[1].lower() if name else ""


def _user(environ: Mapping[str, str]) -> str:
    return next(
        (name for variable in ("LOGNAME", "USER", "USERNAME") if (name := clean(environ.get(variable, "")))), ""
    )


def _run(config: FingerprintConfig, environ: Mapping[str, str], host: str) -> Attributes:
    found: Attributes = {**detect(environ)}
    if EPHEMERAL in found:
        found[EPHEMERAL] = True
    if not config.user_name:
        found.pop(ACTOR, None)
    for name in ("cicd.worker.id", "cicd.worker.name"):
        if not config.worker or (not config.host_name and _mentions(str(found.get(name, "")), host)):
            found.pop(name, None)
    return found


def _mentions(worker: str, host: str) -> bool:
    label = host.partition(".")[0].lower()
    return bool(label) and label in worker.lower()

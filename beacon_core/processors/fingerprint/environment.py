"""What the resource of every event is given: machine, runtime, shell, container, agent, CI run, and their hash."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from beacon_core import __version__
from beacon_core.event import Attributes
from beacon_core.processors.fingerprint.agents import look_at_agent
from beacon_core.processors.fingerprint.config import FingerprintConfig
from beacon_core.processors.fingerprint.container import look_at_container
from beacon_core.processors.fingerprint.detection import look_at_run
from beacon_core.processors.fingerprint.names import (
    CONTAINER_ID,
    EPHEMERAL,
    FINGERPRINT,
    HASHED,
    RUN_ID,
    SHELL,
    WORKER_ID,
    WORKER_NAME,
    Found,
)
from beacon_core.processors.fingerprint.table import Provider
from beacon_core.processors.fingerprint.values import clean

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
#: Names that may be made from the host's.
_LIKE_HOSTS = (WORKER_ID, WORKER_NAME, CONTAINER_ID)
_ROOT = Path("/")


def environment_attributes(
    config: FingerprintConfig,
    environ: Mapping[str, str],
    *,
    rows: tuple[Provider, ...] = (),
    directory: Path | None = None,
    root: Path = _ROOT,
) -> Attributes:
    """Return what a process with the environment `environ` adds to resources, `beacon.fingerprint` included.

    Never raises, asks no network, starts no process.

    Args:
        config: what is switched on.
        environ: the process's environment.
        rows: CI providers of the user.
        directory: where the checkout is; None not to look for one.
        root: the root of the file system, for tests.
    """
    described = describe_environment(config, environ, rows=rows, directory=directory, root=root)
    return {name: found.value for name, found in described.items()}


def describe_environment(
    config: FingerprintConfig,
    environ: Mapping[str, str],
    *,
    rows: tuple[Provider, ...] = (),
    directory: Path | None = None,
    root: Path = _ROOT,
) -> dict[str, Found]:
    """Return what `environment_attributes` does, with where each value comes from."""
    host = clean(platform.node())
    found = {
        "telemetry.distro.name": Found("beacon", "Beacon"),
        "telemetry.distro.version": Found(__version__, "Beacon"),
        RUN_ID: _run_id(environ),
        "host.name": Found(host, "the operating system"),
        "user.name": _first(environ, ("LOGNAME", "USER", "USERNAME")),
        SHELL: _shell(environ),
        **_system(),
        **_runtime(),
        **look_at_container(environ, root),
        **look_at_agent(environ),
        **look_at_run(environ, rows=rows, directory=directory if config.git else None),
    }
    if EPHEMERAL in found:
        found[EPHEMERAL] = found[EPHEMERAL]._replace(value=str(found[EPHEMERAL].value).lower() == "true")
    found = {
        name: each
        for name, each in found.items()
        if each.value != "" and config.adds(name, host=each.host or (name in _LIKE_HOSTS and _mentions(each, host)))
    }
    if config.adds(FINGERPRINT):
        values: Attributes = {name: each.value for name, each in found.items()}
        found[FINGERPRINT] = Found(environment_hash(values), ", ".join(name for name in HASHED if name in found))
    return found


def environment_hash(attributes: Attributes) -> str:
    """Return 16 hex digits that are the same for the same kind of environment, over runs and machines."""
    described = {name: attributes[name] for name in HASHED if name in attributes}
    return hashlib.sha256(msgspec.json.encode(described, order="sorted")).hexdigest()[:16]


def _run_id(environ: Mapping[str, str]) -> Found:
    given = clean(environ.get("BEACON_RUN_ID", ""))
    return Found(given, "BEACON_RUN_ID") if given else Found(os.urandom(16).hex(), "random")


def _system() -> dict[str, Found]:
    system, machine = platform.system().lower(), platform.machine().lower()
    values = {
        "os.type": _OS_TYPES.get(system, system),
        "os.version": clean(platform.release()),
        "host.arch": "arm32" if machine.startswith("armv") else _ARCHITECTURES.get(machine, machine),
    }
    return {name: Found(value, "the operating system") for name, value in values.items()}


def _runtime() -> dict[str, Found]:
    version = ".".join(str(part) for part in sys.implementation.version[:3])
    return {
        "process.runtime.name": Found(sys.implementation.name, "the interpreter"),
        "process.runtime.version": Found(version, "the interpreter"),
    }


def _shell(environ: Mapping[str, str]) -> Found:
    path = _first(environ, ("SHELL", "COMSPEC", "ComSpec"))
    name = _SHELL.fullmatch(re.split(r"[/\\]", str(path.value))[-1])
    return path._replace(value=name[1].lower() if name else "")


def _first(environ: Mapping[str, str], variables: tuple[str, ...]) -> Found:
    return next(
        (Found(value, variable) for variable in variables if (value := clean(environ.get(variable, "")))), Found("", "")
    )


def _mentions(found: Found, host: str) -> bool:
    """Return whether a name has the host's in it; a container's is often the beginning of its id."""
    label = host.partition(".")[0].lower()
    return bool(label) and label in str(found.value).lower()

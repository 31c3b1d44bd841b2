"""Recognizes the container that a process runs in, by the files that runtimes leave in it.

Sources: `/.dockerenv` (Docker), `/run/.containerenv` (Podman; `engine` and `id` in it where it is told them),
`/proc/self/cgroup` (of cgroups version 1, or without a namespace of their own), `/proc/self/mountinfo` (where
`/etc/hostname` is mounted from), the service account's folder (Kubernetes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from beacon_core.processors.fingerprint.files import read_bounded
from beacon_core.processors.fingerprint.names import CONTAINER_ID, CONTAINER_RUNTIME, Found
from beacon_core.processors.fingerprint.values import clean

_ID = "[0-9a-f]{64}"
_SCOPE = re.compile(
    rf"[/-](?P<kind>docker|cri-containerd|crio|libpod|nerdctl)[/-](?P<id>{_ID})(?:\.scope)?(?:/|$)", re.MULTILINE
)
_POD = re.compile(r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})\b")
_IN_POD = re.compile(rf"/kubepods[^\n]*[/-]({_ID})(?:\.scope)?$", re.MULTILINE)
_MOUNT = re.compile(rf"/(docker/containers|overlay-containers)/({_ID})/\S* /etc/hostname ")
_POD_MOUNT = re.compile(r"/kubelet/pods/([0-9a-f-]{36})/etc-hosts /etc/hosts ")
_KINDS = {
    "docker": "docker",
    "docker/containers": "docker",
    "libpod": "podman",
    "overlay-containers": "podman",
    "cri-containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
}
_ENGINE = re.compile(r'^engine="([a-z-]{1,32})-[^"]*"', re.MULTILINE)
_PODMAN_ID = re.compile(rf'^id="({_ID})"', re.MULTILINE)


def look_at_container(environ: Mapping[str, str], root: Path = Path("/")) -> dict[str, Found]:
    """Return what is known about the container and the pod; empty outside of one.

    Args:
        environ: the process's environment.
        root: the root of the file system, for tests.
    """
    found = _by_groups(_text(root / "proc/self/cgroup"))
    found |= {k: v for k, v in _by_mounts(_text(root / "proc/self/mountinfo")).items() if k not in found}
    found |= _by_marks(root, found)
    if clean(environ.get("KUBERNETES_SERVICE_HOST", "")):
        namespace = clean(_text(root / "var/run/secrets/kubernetes.io/serviceaccount/namespace"))
        if namespace:
            found["k8s.namespace.name"] = Found(namespace, "the service account's namespace file")
    return found


def _by_groups(text: str) -> dict[str, Found]:
    origin = "/proc/self/cgroup"
    found: dict[str, Found] = {}
    scope, inside, pod = _SCOPE.search(text), _IN_POD.search(text), _POD.search(text)
    if scope:
        found[CONTAINER_RUNTIME] = Found(_KINDS[scope["kind"]], origin)
        found[CONTAINER_ID] = Found(scope["id"], origin)
    elif inside:
        found[CONTAINER_ID] = Found(inside[1], origin)
    if pod:
        found["k8s.pod.uid"] = Found(pod[1].replace("_", "-"), origin)
    return found


def _by_mounts(text: str) -> dict[str, Found]:
    origin = "/proc/self/mountinfo"
    found: dict[str, Found] = {}
    mount, pod = _MOUNT.search(text), _POD_MOUNT.search(text)
    if mount:
        found[CONTAINER_RUNTIME] = Found(_KINDS[mount[1]], origin)
        found[CONTAINER_ID] = Found(mount[2], origin)
    if pod:
        found["k8s.pod.uid"] = Found(pod[1], origin)
    return found


def _by_marks(root: Path, known: Mapping[str, Found]) -> dict[str, Found]:
    marked = _is_file(root / "run/.containerenv")
    if marked:
        origin = "/run/.containerenv"
        text = _text(root / "run/.containerenv")
        engine, identity = _ENGINE.search(text), _PODMAN_ID.search(text)
        found = {CONTAINER_RUNTIME: Found(engine[1] if engine else "podman", origin)}
        return found | ({CONTAINER_ID: Found(identity[1], origin)} if identity else {})
    if CONTAINER_RUNTIME not in known and _is_file(root / ".dockerenv"):
        return {CONTAINER_RUNTIME: Found("docker", "/.dockerenv")}
    return {}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _text(path: Path) -> str:
    return read_bounded(path).decode("utf-8", "replace")

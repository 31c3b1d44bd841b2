from __future__ import annotations

from pathlib import Path

import pytest

from beacon_core.processors.fingerprint import FingerprintConfig, environment_attributes
from beacon_core.processors.fingerprint.container import look_at_container

ID = "3f4a" * 16
POD = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"


def root(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


KUBEPODS = f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice/"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, {}),
        ({"proc/self/cgroup": "0::/user.slice/user-1000.slice/session-2.scope\n"}, {}),
        ({".dockerenv": ""}, {"container.runtime.name": "docker"}),
        (
            {".dockerenv": "", "proc/self/cgroup": f"12:cpu:/docker/{ID}\n0::/\n"},
            {"container.runtime.name": "docker", "container.id": ID},
        ),
        (
            {"proc/self/cgroup": f"0::/system.slice/docker-{ID}.scope\n"},
            {"container.runtime.name": "docker", "container.id": ID},
        ),
        (
            {
                ".dockerenv": "",
                "proc/self/cgroup": "0::/\n",
                "proc/self/mountinfo": f"1 2 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 x\n",
            },
            {"container.runtime.name": "docker", "container.id": ID},
        ),
        ({"run/.containerenv": ""}, {"container.runtime.name": "podman"}),
        (
            {"run/.containerenv": f'engine="podman-5.2.1"\nname="x"\nid="{ID}"\nimage="y"\n'},
            {"container.runtime.name": "podman", "container.id": ID},
        ),
        ({"run/.containerenv": 'engine="buildah-1.37.0"\n'}, {"container.runtime.name": "buildah"}),
        (
            {"proc/self/cgroup": f"{KUBEPODS}cri-containerd-{ID}.scope\n"},
            {"container.runtime.name": "containerd", "container.id": ID, "k8s.pod.uid": POD},
        ),
        (
            {"proc/self/cgroup": f"{KUBEPODS}crio-{ID}.scope\n"},
            {"container.runtime.name": "cri-o", "container.id": ID, "k8s.pod.uid": POD},
        ),
        (
            {"proc/self/cgroup": f"4:memory:/kubepods/burstable/pod{POD}/{ID}\n"},
            {"container.id": ID, "k8s.pod.uid": POD},
        ),
        (
            {"proc/self/mountinfo": f"1 2 8:1 /var/lib/kubelet/pods/{POD}/etc-hosts /etc/hosts rw - ext4 /dev/sda\n"},
            {"k8s.pod.uid": POD},
        ),
        (  # a host with containers: their folders are mounted, but not as this process's host name
            {"proc/self/mountinfo": f"1 2 8:1 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm\n"},
            {},
        ),
        ({"proc/self/cgroup": "\x00\xff" * 999, "proc/self/mountinfo": "x" * 999_999}, {}),
    ],
)
def test_a_container_is_recognized_by_what_its_runtime_leaves(
    tmp_path: Path, files: dict[str, str], expected: dict[str, str]
) -> None:
    found = look_at_container({}, root(tmp_path, files))
    assert {name: each.value for name, each in found.items()} == expected
    assert all(each.origin.startswith("/") for each in found.values())


def test_the_namespace_of_a_pod_is_read_in_kubernetes_only(tmp_path: Path) -> None:
    where = root(tmp_path, {"var/run/secrets/kubernetes.io/serviceaccount/namespace": "builds\n"})
    assert look_at_container({}, where) == {}
    found = look_at_container({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, where)
    assert {name: each.value for name, each in found.items()} == {"k8s.namespace.name": "builds"}


def test_a_container_is_part_of_the_resource_and_its_runtime_of_the_hash(tmp_path: Path) -> None:
    inside = root(tmp_path / "in", {"run/.containerenv": f'engine="podman-5.2.1"\nid="{ID}"\n'})
    found = environment_attributes(FingerprintConfig(), {}, root=inside)
    assert (found["container.runtime.name"], found["container.id"]) == ("podman", ID)
    outside = environment_attributes(FingerprintConfig(), {}, root=tmp_path / "out")
    assert not [name for name in outside if name.startswith(("container.", "k8s."))]
    assert outside["beacon.fingerprint"] != found["beacon.fingerprint"]
    other = root(tmp_path / "other", {"run/.containerenv": f'engine="podman-5.2.2"\nid="{ID[::-1]}"\n'})
    assert (
        environment_attributes(FingerprintConfig(), {}, root=other)["beacon.fingerprint"] == found["beacon.fingerprint"]
    )
    off = environment_attributes(FingerprintConfig(container=False), {}, root=inside)
    assert not [name for name in off if name.startswith(("container.", "k8s."))]

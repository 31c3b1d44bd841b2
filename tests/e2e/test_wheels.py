"""What a user installs: wheels of the five distributions, in an environment that has nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = {"beacon_core": ROOT, "beacon_track": ROOT / "sdk"} | {
    f"beacon_{name}": ROOT / "plugins" / name for name in ("file", "splunk", "datadog")
}
PIPELINE = """
receivers: {stdin: {}}
processors: {fingerprint: {}, canonicalize: {}, sanitize: {}}
exporters: {file: {path: out.jsonl}, splunk_hec: {endpoint: "https://splunk.example:8088", token: "${env:TOKEN}"}}
service:
  queue: {path: queue.db}
  pipelines: {default: {receivers: [stdin], processors: [fingerprint, canonicalize, sanitize], exporters: [EXPORTERS]}}
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for project in PROJECTS.values():
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(project)]
        subprocess.run(command, check=True, capture_output=True)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def test_every_wheel_has_its_type_marker_licence_and_data(wheels: dict[str, Path]) -> None:
    assert set(wheels) == set(PROJECTS)
    for name, wheel in wheels.items():
        members = zipfile.ZipFile(wheel).namelist()
        assert f"{name}/py.typed" in members
        (licence,) = [member for member in members if member.endswith(".dist-info/licenses/LICENSE")]
        assert zipfile.ZipFile(wheel).read(licence) == (ROOT / "LICENSE").read_bytes()
        assert not [member for member in members if "test" in member.partition("/")[0]]
        sources = (PROJECTS[name] / name).rglob("*")
        data = {
            f"{name}/{p.relative_to(PROJECTS[name] / name)}" for p in sources if p.suffix in {".toml", ".yaml", ".json"}
        }
        assert data <= set(members)


def test_beacon_runs_from_wheels_in_an_empty_environment(wheels: dict[str, Path], tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python, beacon = environment / "bin" / "python", environment / "bin" / "beacon"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]

    def run(exporters: str, command: str = "run") -> subprocess.CompletedProcess[str]:
        (tmp_path / "p.yaml").write_text(PIPELINE.replace("EXPORTERS", exporters))
        return subprocess.run(
            [str(beacon), command, "-p", "p.yaml"],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "TOKEN": "t0ken-t0ken"},
            input='{"message": "password=hunter2"}\n',
            capture_output=True,
            text=True,
            check=False,
        )

    subprocess.run([*install, str(wheels["beacon_core"]), str(wheels["beacon_file"])], check=True)
    missing = run("splunk_hec", "validate")
    assert missing.returncode == 78
    assert "'splunk_hec' is not installed; installed are: file; pip install beacon-splunk" in missing.stderr
    done = run("file")
    assert done.returncode == 0, done.stderr
    assert "received 1; balanced" in done.stderr
    event = json.loads((tmp_path / "out.jsonl").read_text())
    assert event["body"] == "password=[REDACTED:assignment]"
    assert event["resource"]["telemetry.distro.name"] == "beacon"
    subprocess.run([*install, *map(str, wheels.values())], check=True)
    everything = run("file, splunk_hec", "validate")
    assert (everything.returncode, everything.stdout) == (0, "valid: 1 pipeline (default)\n")
    version = subprocess.run([str(beacon), "version"], capture_output=True, text=True, check=True)
    assert "beacon-native is not installed: the same, only slower; pip install" in version.stdout
    check = subprocess.run([str(python), "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout


def test_beacon_track_alone_is_all_that_an_application_needs(wheels: dict[str, Path], tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*install, str(wheels["beacon_track"])], check=True)
    program = (
        "from beacon_track import Telemetry\nwith Telemetry(app='acme', version='1').track('env.claim'): print('done')"
    )
    state = tmp_path / "state"
    done = subprocess.run(
        [str(python), "-W", "error", "-I", "-c", program],
        env={"HOME": str(tmp_path), "XDG_STATE_HOME": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    (waiting,) = (state / "beacon-track" / "acme").glob("pending-*.jsonl")
    assert b"env.claim" in waiting.read_bytes()

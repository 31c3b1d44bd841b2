"""What a user of the extra `fast` gets: a wheel for this machine, or the sdist and a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"
SOURCES = sorted(
    p for p in (NATIVE / "beacon_native").iterdir() if p.suffix in {".py", ".pyx", ".pxd", ".pxi", ".pyi", ".typed"}
)
MODULES = [path.stem for path in SOURCES if path.suffix == ".pyx"]

pytest.importorskip("beacon_native.otlp", reason="beacon-native was not built here")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("built")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(NATIVE)],
        env={**os.environ, "CFLAGS": "-O0"},  # compiled in a third of the time
        check=True,
        capture_output=True,
    )
    return folder


def test_the_sdist_has_all_sources_and_the_wheel_what_was_made_of_them(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"beacon_native/{path.name}" for path in SOURCES} <= members
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "setup.py"} <= members
    assert not [name for name in members if name.endswith((".c", ".so", ".pyd", ".o"))]

    (wheel,) = built.glob("*.whl")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    members = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("beacon_native/")}
    compiled = {f"beacon_native/{name}{suffix}" for name in MODULES}
    typed = {f"beacon_native/{name}.pyi" for name in MODULES}
    assert members == compiled | typed | {"beacon_native/__init__.py", "beacon_native/py.typed"}
    (licence,) = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    assert zipfile.ZipFile(wheel).read(licence) == (NATIVE.parent / "LICENSE").read_bytes()


def test_the_wheel_works_in_an_environment_that_has_nothing_else(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", str(wheel)]
    subprocess.run(install, check=True)
    program = "".join(f"import beacon_native.{name}\n" for name in MODULES)
    program += "print(beacon_native.otlp.attributes(bytes([10, 8, 10, 1, 97, 18, 3, 10, 1, 98]), 1))"
    done = subprocess.run(
        [str(python), "-W", "error", "-I", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "({'a': 'b'}, '', '')\n", "")

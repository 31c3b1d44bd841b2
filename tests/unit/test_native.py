"""The door to beacon-native: what is used, and what is said about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from beacon_core.native import INTERFACE

PROGRAM = (
    "import json; from beacon_core.native import native, state;"
    "print(json.dumps(state()._asdict() | {'opened': native('otlp') is not None}))"
)

#: The environment, in which somebody may have switched native code off.
WITHOUT = {name: value for name, value in os.environ.items() if name != "BEACON_NATIVE"}


def seen(path: Path, **environ: str) -> dict[str, Any]:
    """Return what a process says for which a folder comes before everything that is installed."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**WITHOUT, "PYTHONPATH": str(path), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(found.stdout)
    assert isinstance(answer, dict)
    return answer


def put(folder: Path, *, interface: int, modules: dict[str, str]) -> None:
    """Put a distribution `beacon-native` 9.9 into a folder."""
    (folder / "beacon_native").mkdir()
    (folder / "beacon_native" / "__init__.py").write_text(f"INTERFACE = {interface}\n")
    for name, source in modules.items():
        (folder / "beacon_native" / f"{name}.py").write_text(source)
    (folder / "beacon_native-9.9.dist-info").mkdir()
    (folder / "beacon_native-9.9.dist-info" / "METADATA").write_text("Name: beacon-native\nVersion: 9.9\n")


def test_what_is_installed_is_used(tmp_path: Path) -> None:
    put(tmp_path, interface=INTERFACE, modules={"otlp": ""})
    assert seen(tmp_path) == {"version": "9.9", "used": True, "says": "beacon-native 9.9", "opened": True}


def test_it_is_left_out_on_request(tmp_path: Path) -> None:
    put(tmp_path, interface=INTERFACE, modules={"otlp": ""})
    found = seen(tmp_path, BEACON_NATIVE="0")
    assert (found["used"], found["opened"]) == (False, False)
    assert found["says"] == "beacon-native 9.9 is not in use: BEACON_NATIVE is 0"


def test_what_is_for_another_beacon_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, interface=INTERFACE + 1, modules={"otlp": ""})
    found = seen(tmp_path)
    assert (found["used"], found["opened"]) == (False, False)
    assert "it is for another Beacon; pip install --upgrade 'beacon-core[fast]'" in found["says"]


def test_what_cannot_be_loaded_is_done_without(tmp_path: Path) -> None:
    put(tmp_path, interface=INTERFACE, modules={"otlp": "raise ImportError('made for another machine')"})
    found = seen(tmp_path)
    assert (found["used"], found["opened"]) == (False, False)
    assert found["says"] == "beacon-native 9.9 is not in use: made for another machine"

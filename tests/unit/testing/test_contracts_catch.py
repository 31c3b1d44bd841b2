"""Each contract, run on components that break it in one way: exactly the checks that are meant for it fail."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from beacon_core.testing import (
    ComponentContract,
    ExporterContract,
    ProcessorContract,
    QueueContract,
    ReceiverContract,
)

ROOT = Path(__file__).parents[3]
FILES = sorted((Path(__file__).parent / "mutants").glob("*.py"))

Checks = dict[str, set[str]]


def meant(path: Path) -> Checks:
    """Return what each class of a file breaks by its own account."""
    spec = importlib.util.spec_from_file_location(f"mutants_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: set(value.breaks) for name, value in vars(module).items() if name.startswith("Test")}


def failed(path: Path, report: Path) -> Checks:
    """Run a file; return which checks failed, by class, without their parameters."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={report}", f"--rootdir={ROOT}"]
    command = [sys.executable, "-m", "pytest", *options, str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Checks = {}
    for case in ET.parse(report).iter("testcase"):
        name, check = case.attrib["classname"].rpartition(".")[2], case.attrib["name"].partition("[")[0]
        assert case.find("error") is None, f"{name}: {check}: not the check failed, but a fixture"
        found.setdefault(name, set()).update({check} if case.find("failure") is not None else ())
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_mutant_fails_exactly_the_checks_that_are_meant_for_it(path: Path, tmp_path: Path) -> None:
    assert failed(path, tmp_path / "report.xml") == meant(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_contract_is_tried_on_a_good_component_and_on_several_mutants(path: Path) -> None:
    classes = meant(path)
    assert classes["TestGood"] == set()
    assert sum(map(bool, classes.values())) >= 4


@pytest.mark.parametrize("contract", [ExporterContract, ProcessorContract, QueueContract, ReceiverContract])
def test_every_check_of_a_contract_is_failed_by_a_mutant(contract: type[ComponentContract]) -> None:
    failed_by_one = {check for path in FILES for checks in meant(path).values() for check in checks}
    assert {name for name in dir(contract) if name.startswith("test_")} - failed_by_one == set()

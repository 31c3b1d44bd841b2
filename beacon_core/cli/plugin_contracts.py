"""Runs the contract of a component with pytest, in a process of its own, and says what holds.

A distribution ships its contract as an entry point: the group of the component with `.contracts` behind it, the
component's name, and a class derived from `ExporterContract` (`ReceiverContract` ...) with the fixtures that it takes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from pydantic import ValidationError

from beacon_core.cli.plugin_report import TESTING, Check, Result
from beacon_core.component import Component, Kind
from beacon_core.config import ComponentConfig, describe

#: Where the module finds what it is to check.
VARIABLE = "BEACON_PLUGIN_CHECK"
_UNSHIPPED = TESTING / "unshipped.py"

_CONTRACTS: dict[Kind, tuple[str, str]] = {  # and a check that no other contract has
    "receivers": ("ReceiverContract", "test_run_returns_after_shutdown"),
    "processors": ("ProcessorContract", "test_a_second_pass_changes_nothing"),
    "exporters": ("ExporterContract", "test_p6_a_failure_is_told_by_a_declared_error"),
    "queues": ("QueueContract", "test_a_batch_comes_out_as_it_went_in"),
}
_TIMEOUT = 900.0  # seconds; a contract's own checks give up far earlier
_LAST_LINES = 10
_RAN = {0, 1}  # pytest's exit codes: all passed, some failed
_SAMPLES: dict[str, Any] = {
    "text": "example",
    "path": "example",
    "secret": "FAKE-secret-0000",
    "integer": 1,
    "number": 1.0,
    "duration": 1.0,
    "size": 1_000_000,
    "true or false": True,
}


def is_available() -> bool:
    """Whether pytest is installed."""
    return find_spec("pytest") is not None


def checks_of(kind: Kind, type_name: str, distribution: str, component: type[Component]) -> list[Check]:
    """Run the contract that a component ships, else what can be run without one."""
    contract, mark = _CONTRACTS[kind]
    name = f"it keeps {contract}"
    if not is_available():
        return [Check(name, "not checked", "pytest, which runs it, is not installed; pip install pytest")]
    shipped = _shipped(kind, type_name, distribution)
    if shipped is not None:
        return _run_shipped(shipped, name, contract, mark)
    ship = (
        f'ship one: entry point "{type_name}" in the group beacon.{kind}.contracts;'
        ' see the tutorial "Your first exporter"'
    )
    options = made_up(component.config_class)
    if options is None:
        return [Check(name, "not checked", f"no contract is shipped, and its options cannot be made up; {ship}")]
    request = {"target": f"{component.__module__}:{component.__qualname__}", "options": options}
    whole = kind == "processors" and not options
    checks = _run(f"{_UNSHIPPED}::{'TestProcessor' if whole else 'TestUnstarted'}", request)
    return (
        checks if whole else [*checks, Check(f"{name} when it works", "not checked", f"no contract is shipped; {ship}")]
    )


def made_up(model: type[ComponentConfig]) -> dict[str, Any] | None:
    """Return options for a component that is never started: none if it needs none; None if nothing fits."""
    options: dict[str, Any] = {}
    try:
        model()
    except ValidationError:
        for option in describe(model):
            if option.default is None or option.type == "secret":  # an environment variable may stand in for a secret
                _put(options, option.name.split("."), _sample(option.name, option.type))
        try:
            model.model_validate(options)
        except ValidationError:
            return None
    return options


def _sample(name: str, words: str) -> Any:
    if words.startswith("list of "):
        return [_sample(name, words.removeprefix("list of "))]
    if words == "text" and name.rpartition(".")[2] in {"url", "endpoint"}:
        return "http://127.0.0.1:9"
    plain = words.partition(",")[0]
    return _SAMPLES.get(plain, plain.partition(" | ")[0])


def _put(options: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        options = options.setdefault(part, {})
    options[path[-1]] = value


# ---- running ----


def _shipped(kind: Kind, type_name: str, distribution: str) -> EntryPoint | None:
    points = entry_points(group=f"beacon.{kind}.contracts", name=type_name)
    return next((point for point in points if point.dist is not None and point.dist.name == distribution), None)


def _run_shipped(point: EntryPoint, name: str, contract: str, mark: str) -> list[Check]:
    """Run a contract that a distribution ships, and see that it is one."""
    try:
        spec = find_spec(point.module)
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        return [Check(name, "does not hold", f"{point.module} of the entry point {point.group} is not installed")]
    checks = _run(f"{spec.origin}::{point.attr}", {}, f"python_classes={point.attr}")
    if all(check.name != sentence(mark) for check in checks) and all(check.result == "holds" for check in checks):
        why = f"{point.value} does not derive from beacon_core.testing.{contract}"
        return [*checks, Check(name, "does not hold", why)]
    return checks


def _run(node: str, request: dict[str, Any], *settings: str) -> list[Check]:
    """Run one class of checks and return what came out."""
    with tempfile.TemporaryDirectory(prefix="beacon-plugins-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", "-c", os.devnull]
        command += ["--rootdir", folder, "--import-mode=importlib", f"--junitxml={report}", node]
        command += [word for setting in settings for word in ("-o", setting)]
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, and classes that are installed
                command,
                cwd=folder,
                env=os.environ | {VARIABLE: json.dumps(request)},
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return [Check("its contract comes to an end", "does not hold", f"it runs for more than {_TIMEOUT:g} s")]
        checks = list(_read(report)) if report.is_file() else []
    if not checks or done.returncode not in _RAN:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:])
        return [Check("its contract can be run", "does not hold", f"pytest found no checks in {node}:\n{said}")]
    return checks


def sentence(test: str) -> str:
    """Return the name of a test as the sentence that it is."""
    words = test.removeprefix("test_").replace("_", " ")
    return re.sub(r"^(?:p\d+ )+", lambda numbers: f"{numbers[0].strip().upper().replace(' ', ', ')}: ", words)


def _read(report: Path) -> Iterator[Check]:
    """Yield what pytest reports: a check for each test, whatever number of parameters it has."""
    found: dict[str, list[tuple[str, Result, str]]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        test, _, parameters = case.get("name", "").partition("[")
        found.setdefault(test, []).append((parameters.removesuffix("]"), *_result(case)))
    for test, results in found.items():
        for worst in ("does not hold", "not checked"):
            whys = [f"[{about}] {why}" if about else why for about, result, why in results if result == worst]
            if whys and (worst == "does not hold" or len(whys) == len(results)):
                yield Check(sentence(test), worst, "\n".join(dict.fromkeys(whys)))
                break
        else:
            yield Check(sentence(test), "holds")


def _result(case: ET.Element) -> tuple[Result, str]:
    for kind in ("failure", "error", "skipped"):
        element = case.find(kind)
        if element is not None:
            message = element.get("message") or (element.text or "").strip().rpartition("\n")[2]
            result: Result = "not checked" if kind == "skipped" else "does not hold"
            return result, message.removeprefix("AssertionError: ").partition("\n")[0]
    return "holds", ""

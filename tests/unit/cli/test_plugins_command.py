"""`beacon plugins`: what it finds out about installed distributions, good and bad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beacon_core.cli import plugin_contracts
from beacon_core.plugins import load

GOOD = '''
    """A made-up exporter."""

    from beacon_core import Batch, Exporter, ExporterConfig, Secret
    from beacon_core.testing import make_batch


    class MadeConfig(ExporterConfig):
        """Options."""

        endpoint: str
        """Where to."""

        token: Secret
        """What to show."""


    class MadeExporter(Exporter):
        """Goes nowhere."""

        config_class = MadeConfig

        def export(self, batch: Batch) -> None:
            pass
'''
CONTRACT = """
    import pytest
    from beacon_core.testing import ExporterContract
    from made import MadeConfig, MadeExporter

    class MadeContract(ExporterContract):
        @pytest.fixture
        def exporter(self):
            return MadeExporter(MadeConfig(endpoint="x", token="FAKE-0000"))
"""
PLAIN = "it keeps ExporterContract when it works"
METHOD = "def export("
IMPORTING = "importing made opens no file for writing, no socket, no thread and no process"
PUBLIC = "it imports only public names of beacon_core and beacon_core.testing"


@dataclass(frozen=True)
class Said:
    """What the command said: exit code, results by check, reasons by check, and everything as text."""

    code: int
    results: dict[str, str]
    whys: dict[str, str]
    text: str


Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Make a distribution of a module, and a contract if there is one; check it and return what is said."""

    def check(module: str = GOOD, contract: str = "", *, name: str = "beacon-made", before: str = "") -> Said:
        site = tmp_path / "site"
        info = site / "beacon_made-1.2.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (site / "made.py").write_text(textwrap.dedent(module))
        (site / "made_contract.py").write_text(textwrap.dedent(contract))
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: beacon-made\nVersion: 1.2\n")
        points = "[beacon.exporters]\nmade = made:MadeExporter\n"
        points += "[beacon.exporters.contracts]\nmade = made_contract:MadeContract\n" if contract else ""
        (info / "entry_points.txt").write_text(points)
        program = f"{before}\nfrom beacon_core.cli import main\nmain()"
        done = subprocess.run(
            [sys.executable, "-c", program, "plugins", "check", name, "--json"],
            env=os.environ | {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout:
            return Said(done.returncode, {}, {}, done.stderr)
        checks = [each for part in json.loads(done.stdout)["parts"] for each in part["checks"]]
        results = {each["check"]: each["result"] for each in checks}
        return Said(done.returncode, results, {each["check"]: each["why"] for each in checks}, done.stdout)

    return check


def beacon(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("beacon")), "plugins", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# ---- good ones ----


def test_a_plugin_without_a_contract_is_checked_as_far_as_that_goes_and_told_how_to_ship_one(run: Run) -> None:
    said = run()
    assert said.code == 0
    assert set(said.results.values()) == {"holds", "not checked"}
    assert said.results["it can be shut down without having been started"] == "holds"
    assert said.results["P7: no secret in what it shows of itself"] == "holds"
    assert said.results["it can be shut down twice"] == "not checked"
    assert 'entry point "made" in the group beacon.exporters.contracts' in said.whys[PLAIN]


def test_a_contract_that_is_shipped_is_run(run: Run) -> None:
    said = run(contract=CONTRACT)
    assert said.code == 0
    assert said.results["it can be shut down twice"] == "holds"
    assert said.results["every kind of value is exported"] == "holds"
    assert said.results["P6: a failure is told by a declared error"] == "not checked"
    assert "failing_exporter" in said.whys["P6: a failure is told by a declared error"]
    assert PLAIN not in said.results


@pytest.mark.parametrize("name", ["beacon-file", "beacon-splunk", "beacon-datadog"])
def test_our_own_exporters_keep_their_contracts_and_nothing_is_left_unchecked(name: str) -> None:
    done = beacon("check", name)
    assert done.returncode == 0, done.stdout
    assert "holds          P4: every event is delivered exactly once" in done.stdout
    assert "holds          P6: a failure is told by a declared error" in done.stdout
    assert ", 0 do not, 0 not checked" in done.stdout


def test_a_processor_that_needs_no_options_has_its_whole_contract_checked() -> None:
    component = load("processors", "fingerprint")
    checks = plugin_contracts.checks_of("processors", "fingerprint", "beacon-core", component)
    assert {"a second pass changes nothing": "holds"}.items() <= {each.name: each.result for each in checks}.items()


def test_a_queue_without_a_contract_is_not_started() -> None:
    checks = plugin_contracts.checks_of("queues", "memory", "beacon-core", load("queues", "memory"))
    found = {each.name: each.result for each in checks}
    assert found["the constructor only stores"] == "holds"
    assert found["it can be shut down twice"] == found["it keeps QueueContract when it works"] == "not checked"


# ---- bad ones ----


def test_imports_that_are_not_for_plugins_are_found_wherever_they_stand(run: Run) -> None:
    lines = {
        "import beacon_core.delivery.worker": "beacon_core.delivery.worker",
        "from beacon_core.queues import sqlite": "beacon_core.queues",
        "from beacon_core import event": "beacon_core.event",
        "from beacon_core.testing import doubles": "beacon_core.testing.doubles",
        "import beacon_file.target": "beacon_file.target",
    }
    body = "".join(f"        {line}\n" for line in ["import os", "from beacon_core.testing import make_event", *lines])
    said = run(GOOD + f"\n    def hidden():\n{body}")
    assert said.code == 1
    assert said.results[PUBLIC] == "does not hold"
    first = len(textwrap.dedent(GOOD).splitlines()) + 5
    named = [f"made.py:{first + number} imports {what}" for number, what in enumerate(lines.values())]
    assert said.whys[PUBLIC].splitlines()[:-1] == named


def test_what_an_import_touches_is_found(run: Run) -> None:
    lines = {
        "open(__file__).close()": "",  # reading a file beside the code is fine
        "open(__file__ + '.new', 'w').close()": "open '",
        "__import__('socket').socket().close()": "socket.",
        "__import__('subprocess').run(['true'])": "subprocess.Popen 'true'",
        "__import__('os').mkdir(__file__ + '.folder')": "os.mkdir '",
        "__import__('threading').Thread(target=__import__('time').sleep, args=(9,), daemon=True).start()": "thread 'Th",
    }
    said = run(GOOD + "".join(f"    {line}\n" for line in lines))
    assert said.code == 1
    assert said.results[IMPORTING] == "does not hold"
    why = said.whys[IMPORTING].splitlines()
    assert all(any(what in line for line in why) for what in lines.values())
    assert why[-1] == "move this to start()"
    first = len(textwrap.dedent(GOOD).splitlines()) + 1
    assert not any(f"made.py:{first} " in line for line in why)


def test_what_a_library_does_when_it_is_imported_is_its_own_business(run: Run, tmp_path: Path) -> None:
    library = tmp_path / "site" / "library.py"
    library.parent.mkdir()
    library.write_text("import socket\nsocket.socket().close()\n")
    assert run(GOOD + "\n    import library\n").results[IMPORTING] == "holds"


@pytest.mark.parametrize(
    "broken",
    [
        {
            ('"""Where to."""', ""): ("its options are described", "endpoint"),
            ('"""Goes nowhere."""', ""): ("its class says what it is", "has no docstring"),
            ("token: Secret", "token: str"): ("options that look like credentials are Secret", "token is text"),
        },
        {
            (
                METHOD,
                f"def __repr__(self):\n            return self.config.token.get_secret_value()\n\n        {METHOD}",
            ): (
                "P7: no secret in what it shows of itself",
                "a Secret option stands in repr()",
            ),
            (METHOD, f"def validate(self):\n            open(__file__ + '.x', 'w').close()\n\n        {METHOD}"): (
                "validate changes nothing",
                "`beacon validate` calls it",
            ),
            (METHOD, f"def shutdown(self, timeout):\n            self.client.close()\n\n        {METHOD}"): (
                "it can be shut down without having been started",
                "has no attribute 'client'",
            ),
        },
        {(METHOD, "def exports("): ("it can be loaded", "lacks export")},
        {("import Batch", "import Butch, Batch"): ("it can be loaded", "cannot be imported")},
    ],
    ids=["what it says", "what it does", "not whole", "not importable"],
)
def test_what_does_not_hold_is_said_with_the_reason(run: Run, broken: dict[tuple[str, str], tuple[str, str]]) -> None:
    module = GOOD
    for old, new in broken:
        module = module.replace(old, new, 1)
    said = run(module)
    assert said.code == 1
    for check, why in broken.values():
        assert said.results[check] == "does not hold"
        assert why in said.whys[check]


def test_a_component_that_breaks_its_contract_is_found_with_the_kind_of_value_that_does_it(run: Run) -> None:
    broken = GOOD.replace("            pass", "            [event.body.upper() for event in batch if event.body]")
    said = run(broken, CONTRACT)
    assert said.code == 1
    assert said.results["every kind of value is exported"] == "does not hold"
    assert "[true] AttributeError" in said.whys["every kind of value is exported"]
    assert "[text]" not in said.whys["every kind of value is exported"]


@pytest.mark.parametrize(
    ("contract", "why"),
    [
        ("class MadeContract:\n    def test_nothing(self):\n        pass\n", "does not derive from"),
        ("class Other:\n    pass\n", "pytest found no checks in"),
        ("import nowhere\n", "nowhere"),
    ],
)
def test_a_contract_that_is_none_does_not_count(run: Run, contract: str, why: str) -> None:
    said = run(contract=contract)
    assert said.code == 1
    assert why in said.text


# ---- what is missing ----


def test_without_pytest_the_rest_is_checked_and_it_is_said_what_to_install(run: Run) -> None:
    hidden = "import importlib.util as u; real = u.find_spec\n"
    hidden += "u.find_spec = lambda name, package=None: None if name == 'pytest' else real(name, package)"
    said = run(contract=CONTRACT, before=hidden)
    assert said.code == 69
    assert said.results["it keeps ExporterContract"] == "not checked"
    assert said.whys["it keeps ExporterContract"].endswith("pip install pytest")
    assert said.results[PUBLIC] == "holds"


@pytest.mark.parametrize(("name", "why"), [("nowhere", "is not installed"), ("pytest", "brings no component")])
def test_p10_a_distribution_that_is_none_of_ours_is_a_configuration_error(name: str, why: str) -> None:
    done = beacon("check", name)
    assert done.returncode == 78
    assert why in done.stderr
    assert done.stdout == ""


def test_names_of_distributions_are_taken_as_pip_takes_them(run: Run) -> None:
    assert run(name="Beacon_Made").code == 0


def test_a_distribution_has_to_be_named() -> None:
    assert beacon("check").returncode == 2


# ---- the list ----


def test_the_list_says_what_each_distribution_brings() -> None:
    found: list[dict[str, Any]] = json.loads(beacon("list", "--json").stdout)
    brought = {each["distribution"]: each["components"] for each in found}
    assert brought["beacon-file"] == ["exporters file"]
    assert "queues sqlite" in brought["beacon-core"]
    shown = beacon("list").stdout.splitlines()
    assert shown[0].split() == ["DISTRIBUTION", "VERSION", "COMPONENTS"]
    assert any(line.split() == ["beacon-file", "0.1.0", "exporters", "file"] for line in shown)

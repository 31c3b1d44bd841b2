"""Finding component types: stevedore's traps, and what an operator is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from beacon_core import ComponentConfig, Exporter, ExporterConfig, PluginError, Secret, Size
from beacon_core.component import KINDS, Kind
from beacon_core.config import describe
from beacon_core.plugins import installed, load, summary

GOOD = """
from beacon_core import Exporter
class Good(Exporter):
    "Delivers nowhere."
    def export(self, batch): pass
class Unfinished(Exporter):
    pass
class Wrong:
    pass
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder on the path of a child process, with distributions as pip would leave them."""
    (tmp_path / "plug_good.py").write_text(GOOD)
    (tmp_path / "plug_broken.py").write_text("import a_module_that_does_not_exist\n")
    return tmp_path


def distribution(site: Path, name: str, **exporters: str) -> None:
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "".join(f"{key} = {target}\n" for key, target in exporters.items())
    (info / "entry_points.txt").write_text(f"[beacon.exporters]\n{points}")


def load_there(site: Path, type_name: str) -> subprocess.CompletedProcess[str]:
    program = f"from beacon_core.plugins import load; print(load('exporters', {type_name!r}).__name__)"
    environ = os.environ | {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(site / "cache")}
    return subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)


def test_a_plugin_of_anyone_is_found_by_its_entry_point(site: Path) -> None:
    distribution(site, "acme-beacon", acme="plug_good:Good")
    assert load_there(site, "acme").stdout == "Good\n"


def test_a_plugin_installed_a_moment_ago_is_found_in_spite_of_stevedores_cache(site: Path) -> None:
    distribution(site, "acme-beacon", acme="plug_good:Good")
    assert load_there(site, "acme").stdout == "Good\n"
    info = site / "acme_beacon-1.0.dist-info"
    before = info.stat()
    (info / "entry_points.txt").write_text("[beacon.exporters]\nacme = plug_good:Good\nacme2 = plug_good:Good\n")
    os.utime(info, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_there(site, "acme2").stdout == "Good\n"


def test_a_broken_plugin_names_the_distribution_and_the_cause(site: Path) -> None:
    distribution(site, "acme-beacon", acme="plug_broken:Gone")
    error = load_there(site, "acme").stderr
    assert "PluginError: exporter type 'acme' of acme-beacon 1.0 cannot be imported: ModuleNotFoundError" in error
    assert "a_module_that_does_not_exist" in error


def test_a_type_that_is_installed_twice_names_both_distributions(site: Path) -> None:
    distribution(site, "acme-beacon", acme="plug_good:Good")
    distribution(site, "other-beacon", acme="plug_good:Unfinished")
    error = load_there(site, "acme").stderr
    assert "installed twice" in error
    assert "acme-beacon" in error
    assert "other-beacon" in error


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("plug_good:Wrong", "is not a class derived from beacon_core.Exporter"),
        ("plug_good:Unfinished", "lacks export"),
        ("plug_good:Nothing", "cannot be imported"),
    ],
)
def test_a_plugin_is_checked_when_it_is_loaded(site: Path, target: str, message: str) -> None:
    distribution(site, "acme-beacon", acme=target)
    assert message in load_there(site, "acme").stderr


def test_a_missing_plugin_says_what_is_installed_and_what_to_install() -> None:
    with pytest.raises(PluginError, match=r"'kafka' is not installed; installed are: .*file"):
        load("exporters", "kafka")
    with pytest.raises(PluginError, match='did you mean "otlp"'):
        load("receivers", "otpl")


def test_built_in_components_are_registered_like_everyone_elses() -> None:
    names = {kind: {item.type for item in installed(kind)} for kind in KINDS}
    assert {"otlp", "stdin", "file_input"} <= names["receivers"]
    assert {"sanitize", "canonicalize", "fingerprint"} <= names["processors"]
    assert {"file", "splunk_hec", "datadog"} <= names["exporters"]
    assert {"sqlite", "memory"} <= names["queues"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_installed_component_can_be_loaded_and_described(kind: Kind) -> None:
    for item in installed(kind):
        component = load(item.kind, item.type)
        assert summary(component).endswith((".", ":"))
        for option in describe(component.config_class):
            assert option.description, f"{item.type}.{option.name} has no description"


class Nested(ComponentConfig):
    size: Size = Size(5)
    """How large."""


class Example(ExporterConfig):
    token: Secret
    """What opens the door."""
    nested: Nested = Nested()


class Exampler(Exporter):
    config_class = Example


def test_options_are_listed_with_type_default_and_description() -> None:
    listed = {option.name: option for option in describe(Example)}
    assert (listed["token"].type, listed["token"].default) == ("secret", None)
    assert listed["token"].description == "What opens the door."
    assert (listed["nested.size"].type, listed["nested.size"].default) == ("size", "5")
    assert listed["retry_on_failure.max_interval"].default == "5s"


def test_listing_imports_none_of_the_components() -> None:
    program = (
        "import sys, json; from beacon_core.component import KINDS; from beacon_core.plugins import installed\n"
        "found = [i.type for k in KINDS for i in installed(k)]\n"
        "print(json.dumps([found, [m for m in sys.modules if m.startswith(('beacon_file', 'beacon_splunk', 'httptools',"
        " 'beacon_core.processors', 'beacon_core.receivers', 'stevedore'))]]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found, imported = json.loads(done.stdout)
    assert "splunk_hec" in found
    assert imported == []

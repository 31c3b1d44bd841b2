from __future__ import annotations

import re
from pathlib import Path

import pytest

from beacon_core.config import Document, ExporterConfig, Secret, ServiceOptions, load

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
ENVIRON = {"SPLUNK_HEC_TOKEN": "t0ken", "DD_API_KEY": "k3y", "GITHUB_REPOSITORY": "octo/repo"}


class Splunk(ExporterConfig):
    endpoint: str
    token: Secret
    index: str = ""
    source: str = ""


class Archive(ExporterConfig):
    path: str


def page_block(text: str, folder: Path, environ: dict[str, str] = ENVIRON, *sets: str) -> Document:
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "audit-token").write_text("4udit\n")
    (folder / "pipeline.yaml").write_text(text)
    return load([Path("pipeline.yaml")], sets=sets, environ=environ, facts=lambda: {"cicd.provider": "github_actions"})


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_yaml_block_of_the_page_loads(number: int, tmp_path: Path) -> None:
    document = page_block(BLOCKS[number], tmp_path)
    for key in document.section("exporters"):
        if key.startswith("file/"):
            document.validate(("exporters", key), Archive, document.problems)
        elif key.startswith("splunk_hec") and not BLOCKS[number].startswith("overlays"):
            assert document.validate(("exporters", key), Splunk, document.problems)
    assert not document.problems, str(document.problems)


def test_the_whole_file_means_what_the_page_says(tmp_path: Path) -> None:
    document = page_block(BLOCKS[0], tmp_path)
    splunk = document.validate(("exporters", "splunk_hec"), Splunk, document.problems)
    service = document.validate(("service",), ServiceOptions, document.problems)
    assert splunk is not None
    assert splunk.source == "github:octo/repo"
    assert splunk.token.get_secret_value() == "t0ken"
    assert service is not None
    assert service.telemetry.endpoint == "127.0.0.1:13133"
    assert service.queue.type == "sqlite"
    assert service.pipelines["default"].processors[-1] == "sanitize"
    assert list(document.section("exporters")) == ["file/archive", "splunk_hec", "datadog"]


def test_the_variables_and_sets_of_the_page_work(tmp_path: Path) -> None:
    shell = re.findall(r"^(BEACON__\w+)='?(.*?)'?(?:\s+# (.*))?$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shell) == 3
    sets = re.findall(r"--set '?([^\s=`]+=[^\s'`]+)", PAGE.read_text(encoding="utf-8"))
    assert len(sets) == 3
    document = page_block(BLOCKS[0], tmp_path, ENVIRON | {name: value for name, value, _ in shell})
    for _, value, path in shell[:2]:
        node = document.node(tuple(path.split(".")))
        assert node is not None
        assert node.value == value
    exporters = document.node(("service", "pipelines", "default", "exporters"))
    assert exporters is not None
    assert exporters.plain() == ["file/archive"]
    assert not page_block(BLOCKS[0], tmp_path, ENVIRON, *sets).problems
    assert list(page_block(BLOCKS[0], tmp_path, ENVIRON, *sets).section("exporters"))[-1] == "file/a.b"


def test_the_errors_of_the_page_are_those_that_are_printed(tmp_path: Path) -> None:
    text = "#\n" * 9 + "exporters:\n  splunk_hec:\n    endpont: x\n    token: ${env:SPLUNK_HEC_TOKN}\n    endpoint: y\n"
    environ = ENVIRON | {"BEACON__EXPORTRS__FILE__PATH": "x"}
    document = page_block(text, tmp_path, environ, "service.queue.max_bytes=big")
    document.validate(("exporters", "splunk_hec"), Splunk, document.problems)
    printed = str(document.problems).splitlines()
    shown = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[0]
    assert shown.splitlines()[: len(printed)] == printed
    assert len(printed) == 3

"""Which variables a wrapped command does not get ([C12]), and the pipeline in effect ([C3], P7)."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from beacon_core import loader, plugins
from beacon_core.ci.pipelines import FOLDER
from beacon_core.loader import Graph

PIPELINE = """
receivers: {otlp: {}}
processors: {sanitize: {}}
exporters:
  splunk_hec:
    endpoint: ${env:SPLUNK_URL}
    token: ${env:SPLUNK_TOKEN:-left-over-default}
    source: "github:${env:GITHUB_REPOSITORY}"
    headers: {X-Auth: "Bearer ${env:PROXY_PASS}", X-Plain: "${env:TEAM}"}
service:
  pipelines:
    default: {receivers: [otlp], processors: [sanitize], exporters: [splunk_hec]}
"""
TOKEN = "made-up-5f3759df-made-up"
ENVIRON = {
    "SPLUNK_URL": "https://splunk.example:8088",
    "SPLUNK_TOKEN": TOKEN,
    "GITHUB_REPOSITORY": "acme/widgets",
    "PROXY_PASS": "pw1",
    "TEAM": "platform",
    "COPY": TOKEN,
    "HEADER": f"Splunk {TOKEN}",
    "DEPARTMENT": "platform-engineering",
    "HOME": "/home/me",
}


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE)
    return loader.load([path], environ=ENVIRON, load_type=plugins.load)


def test_c12_what_a_secret_option_refers_to_and_copies_of_it_are_secret_and_nothing_else(graph: Graph) -> None:
    assert graph.secret_variables(ENVIRON) == ["COPY", "HEADER", "PROXY_PASS", "SPLUNK_TOKEN", "TEAM"]


def test_c12_datadogs_own_variable_is_secret_although_no_file_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE.partition("  splunk_hec:")[0] + "  datadog: {}\n" + PIPELINE[PIPELINE.index("service:") :])
    path.write_text(path.read_text().replace("[splunk_hec]", "[datadog]"))
    monkeypatch.setenv("DD_API_KEY", "0123456789abcdef0123456789abcdef")
    environ = {"DD_API_KEY": "0123456789abcdef0123456789abcdef", "DD_SITE": "datadoghq.eu"}
    graph = loader.load([path], environ=environ, load_type=plugins.load)
    assert graph.secret_variables(environ) == ["DD_API_KEY"]


def test_p7_the_pipeline_in_effect_has_references_and_shows_no_default_of_a_secret(graph: Graph) -> None:
    effective = graph.effective()["exporters"]["splunk_hec"]
    assert effective["token"] == "${env:SPLUNK_TOKEN:-***}"
    assert effective["endpoint"] == "${env:SPLUNK_URL}"
    assert effective["headers"]["X-Auth"] == "Bearer ${env:PROXY_PASS}"
    assert TOKEN not in str(graph.effective())
    assert "left-over-default" not in str(graph.effective())


def test_the_pipeline_in_effect_can_be_run_again_and_is_the_same(tmp_path: Path) -> None:
    first = loader.load([FOLDER / "pipeline.yaml"], environ={}, load_type=plugins.load)
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(first.effective()))
    assert loader.load([path], environ={}, load_type=plugins.load).effective() == first.effective()


def test_text_that_looks_like_a_reference_stays_text(tmp_path: Path) -> None:
    text = PIPELINE.replace('"github:${env:GITHUB_REPOSITORY}"', '"costs $${env:NOTHING}"')
    (tmp_path / "a.yaml").write_text(text)
    graph = loader.load([tmp_path / "a.yaml"], environ=ENVIRON, load_type=plugins.load)
    assert graph.effective()["exporters"]["splunk_hec"]["source"] == "costs $${env:NOTHING}"

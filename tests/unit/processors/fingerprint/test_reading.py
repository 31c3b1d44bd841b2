"""Providers of the user: what a file can say, and how its mistakes are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon_core import ConfigurationError, Host
from beacon_core.processors.fingerprint import FingerprintConfig, FingerprintProcessor, detect, load_rows
from beacon_core.testing import make_batch

ACME = """\
providers:
  - id: acme_ci
    when: [ACME_BUILD, "!ACME_LOCAL", "ACME_KIND~^(ci|cd)$"]
    fields:
      cicd.pipeline.run.id: "${ACME_BUILD}"
      vcs.ref.head.name: [{text: "${ACME_TAG}", type: tag}, "${ACME_BRANCH}"]
      vcs.change.id: [{text: "${ACME_TRIGGER}", match: '^review/(\\d+)$'}]
      cicd.worker.name: [{text: "${ACME_HOST}", host: true}]
      cicd.pipeline.task.type: [{text: "${ACME_KIND}", match: ^cd$, give: deploy, when: ACME_BUILD}]
  - id: github_actions
    when: [ACME_GITHUB=1]
    like: github_actions
    fields:
      beacon.run.event: ["acme"]
"""
ACME = ACME.replace("match: ^cd$", "match: ^(cd)$")


def write(folder: Path, text: str, name: str = "providers.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_rows_of_the_user_come_before_the_shipped_ones(tmp_path: Path) -> None:
    rows = load_rows([write(tmp_path, ACME)])
    environ = {"ACME_BUILD": "7", "ACME_KIND": "cd", "GITHUB_ACTIONS": "true", "ACME_BRANCH": "refs/heads/main"}
    assert detect(environ | {"ACME_TRIGGER": "review/42"}, rows=rows) == {
        "beacon.run.provider": "acme_ci",
        "cicd.pipeline.run.id": "7",
        "cicd.pipeline.run.state": "executing",
        "cicd.pipeline.task.type": "deploy",
        "vcs.ref.head.name": "main",
        "vcs.ref.head.type": "branch",
        "vcs.change.id": "42",
    }
    assert detect(environ | {"ACME_TAG": "v1"}, rows=rows)["vcs.ref.head.type"] == "tag"
    for other in ({"ACME_LOCAL": "1"}, {"ACME_KIND": "x"}, {"ACME_BUILD": ""}):
        assert detect(environ | other, rows=rows)["beacon.run.provider"] == "github_actions"


def test_a_row_can_be_like_a_shipped_provider_of_the_same_name(tmp_path: Path) -> None:
    rows = load_rows([write(tmp_path, ACME)])
    environ = {"GITHUB_ACTIONS": "true", "ACME_GITHUB": "1", "GITHUB_RUN_ID": "5", "GITHUB_EVENT_NAME": "push"}
    found = detect(environ, rows=rows)
    assert (found["cicd.pipeline.run.id"], found["beacon.run.event"]) == ("5", "acme")
    assert detect(environ)["beacon.run.event"] == "push"


def test_the_processor_uses_the_files_of_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    for name, value in {"ACME_BUILD": "7", "ACME_KIND": "ci", "ACME_HOST": "worker-host-9"}.items():
        monkeypatch.setenv(name, value)
    processor = FingerprintProcessor(FingerprintConfig(providers=[write(tmp_path, ACME)]))
    processor.validate()
    processor.start(Host("fingerprint"))
    (event,) = processor.process(make_batch(1))
    assert event.resource["beacon.run.provider"] == "acme_ci"
    assert "cicd.worker.name" not in event.resource


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1:1 a file of providers is a map with the list `providers`"),
        ("- a\n", ":1:1 a file of providers is a map with the list `providers`"),
        ("providers: {}\n", ":1:12 a file of providers is a map"),
        ("provider: []\n", ':1:1 provider unknown; did you mean "providers"?'),
        ("providers:\n  - a\n", ":2:5 providers expected a map"),
        ("providers:\n  - id: a\n", ":2:5 providers a provider needs `when`"),
        ("providers:\n  - when: [A]\n", ":2:5 providers a provider needs `id`"),
        ("providers:\n  - {id: A-b, when: [A]}\n", ":2:10 providers.id an id is lower-case letters, digits and _"),
        ("providers:\n  - {id: a, when: []}\n", ":2:19 providers.a.when expected at least one condition"),
        ("providers:\n  - {id: a, when: ['A B']}\n", ":2:20 providers.a.when expected NAME, NAME|OTHER"),
        ("providers:\n  - {id: a, when: ['A~(']}\n", ":2:20 providers.a.when is no pattern"),
        ("providers:\n  - {id: a, when: ['A~(a+)+b']}\n", "a group cannot be repeated"),
        ("providers:\n  - {id: a, when: [A], like: jenkin}\n", 'is "jenkin"; did you mean "jenkins"?'),
        ("providers:\n  - {id: a, when: [A], like: a}\n", 'no row below and no shipped provider is "a"'),
        ("providers:\n  - {id: a, when: [A], fields: {vcs.ref.name: x}}\n", "unknown; did you mean"),
        (
            "providers:\n  - {id: a, when: [A], fields: {os.type: x}}\n",
            ':2:33 providers.a.fields."os.type" unknown; known: beacon.run.actor',
        ),
        ("providers:\n  - {id: a, when: [A], fields: {vcs.change.id: '${A'}}\n", "a reference is written ${NAME}"),
        ("providers:\n  - {id: a, when: [A], fields: {vcs.change.id: [{}]}}\n", "a source needs `text` or `git`"),
        ("providers:\n  - {id: a, when: [A], fields: {vcs.change.id: [[x]]}}\n", "expected text"),
        (
            "providers:\n  - {id: a, when: [A], fields: {vcs.change.id: [{text: x, match: a}]}}\n",
            "a pattern needs a group, which is the value",
        ),
        (
            "providers:\n  - {id: a, when: [A], fields: {vcs.change.id: [{git: branch}]}}\n",
            "`git` is for vcs.ref.head.name only",
        ),
        (
            "providers:\n  - {id: a, when: [A], fields: {vcs.change.id: [{text: x, format: xml}]}}\n",
            "expected json or properties",
        ),
        (
            "providers:\n  - {id: a, when: [A], fields: {vcs.change.id: [{text: x, file: /etc/passwd}]}}\n",
            "expected the name of the variable that holds the path",
        ),
        ("providers:\n  - {id: a, when: [A], fields: {vcs.change.id: [{text: x, host: 1}]}}\n", "expected true or"),
        ("providers: [\n", ":2:1"),
    ],
)
def test_a_mistake_is_reported_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as failed:
        load_rows([path])
    assert message in str(failed.value)
    assert all(line.startswith(f"{path}:") for line in str(failed.value).splitlines())


def test_all_mistakes_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    first = write(tmp_path, "providers:\n  - {id: A, when: ['']}\n", "first.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    paths = [first, tmp_path / "none.yaml", tmp_path / "binary.yaml", tmp_path, write(tmp_path, ACME)]
    with pytest.raises(ConfigurationError) as failed:
        FingerprintProcessor(FingerprintConfig(providers=paths)).validate()
    said = str(failed.value).splitlines()
    assert len(said) == 5
    assert "none.yaml cannot be read: No such file or directory; check the option providers" in said[2]
    assert [line.partition(".yaml")[0].rpartition("/")[2] for line in said[:4]] == ["first", "first", "none", "binary"]


def test_a_row_can_be_like_one_in_a_later_file_and_never_like_one_above(tmp_path: Path) -> None:
    child = write(tmp_path, "providers:\n  - {id: child, when: [C], like: parent}\n", "child.yaml")
    parent = write(
        tmp_path, "providers:\n  - {id: parent, when: [P], fields: {vcs.change.id: '${N}'}}\n", "parent.yaml"
    )
    assert detect({"C": "1", "N": "3"}, rows=load_rows([child, parent]))["vcs.change.id"] == "3"
    with pytest.raises(ConfigurationError, match='no row below and no shipped provider is "parent"'):
        load_rows([parent, child])

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pytest

from beacon_core.config import Document, ExporterConfig, InvalidConfigurationError, Secret, ServiceOptions, load
from beacon_core.config.problems import Path as ConfigPath


class Splunk(ExporterConfig):
    endpoint: str = ""
    index: str = ""
    token: Secret


def no_facts() -> Mapping[str, str]:
    raise AssertionError("asked for facts without an overlay")


def write(tmp_path: Path, *texts: str) -> list[Path]:
    files = [tmp_path / f"{number}.yaml" for number, _ in enumerate(texts)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return files


INDEX = ("exporters", "splunk_hec", "index")


def layer(name: str) -> str:
    return f"exporters: {{splunk_hec: {{index: {name}}}}}\n"


def overlay(name: str) -> str:
    return f"overlays:\n  - when: {{a: b}}\n    exporters: {{splunk_hec: {{index: {name}}}}}\n"


LAYERS = ["first_file", "second_file", "first_overlay", "second_overlay", "variable", "set"]


@pytest.mark.parametrize(("loser", "winner"), list(combinations(["nothing", *LAYERS], 2)))
def test_the_later_layer_wins(loser: str, winner: str, tmp_path: Path) -> None:
    names = {winner, loser}
    files = write(
        tmp_path,
        (layer("first_file") if "first_file" in names else "")
        + (overlay("first_overlay") if "first_overlay" in names else ""),
        (layer("second_file") if "second_file" in names else "")
        + (overlay("second_overlay") if "second_overlay" in names else ""),
    )
    document = load(
        files,
        sets=["exporters.splunk_hec.index=set"] if "set" in names else [],
        environ={"BEACON__EXPORTERS__SPLUNK_HEC__INDEX": "variable"} if "variable" in names else {},
        facts=lambda: {"a": "b"},
    )
    node = document.node(INDEX)
    assert node is not None
    assert node.value == winner
    assert not document.problems


def test_the_default_of_the_component_is_below_all_layers(tmp_path: Path) -> None:
    document = load(write(tmp_path, "exporters: {s: {token: '${env:T}'}}"), environ={"T": "x"}, facts=no_facts)
    options = document.validate(("exporters", "s"), Splunk, document.problems)
    assert options is not None
    assert options.index == ""


def test_facts_are_asked_for_once_and_only_for_overlays(tmp_path: Path) -> None:
    asked = []

    def facts() -> dict[str, str]:
        asked.append(1)
        return {}

    load(write(tmp_path, layer("a"), layer("b")), environ={}, facts=no_facts)
    load(write(tmp_path, overlay("a"), overlay("b")), environ={}, facts=facts)
    assert asked == [1]


def test_a_reference_is_resolved_only_where_it_holds(tmp_path: Path) -> None:
    files = write(tmp_path, layer('"${env:NOPE}"') + overlay('"${env:NOPE}"'))
    document = load(files, sets=["exporters.splunk_hec.index=x"], environ={}, facts=dict)
    assert not document.problems
    document = load(files, environ={}, facts=lambda: {"a": "b"})
    assert str(document.problems) == (
        f"{files[0]}:4:37 exporters.splunk_hec.index the variable NOPE is not set; "
        "set it or write ${env:NOPE:-default}"
    )


def test_p7_a_secret_may_come_by_variable_but_not_written_out_by_set(tmp_path: Path) -> None:
    files = write(tmp_path, "exporters: {splunk_hec: {}}")
    path: ConfigPath = ("exporters", "splunk_hec")
    good = load(files, environ={"BEACON__EXPORTERS__SPLUNK_HEC__TOKEN": "s3cret"}, facts=no_facts)
    options = good.validate(path, Splunk, good.problems)
    assert options is not None
    assert options.token.get_secret_value() == "s3cret"
    referred = load(files, sets=["exporters.splunk_hec.token=${env:T}"], environ={"T": "s3cret"}, facts=no_facts)
    assert referred.validate(path, Splunk, referred.problems) == options
    bad = load(files, sets=["exporters.splunk_hec.token=s3cret"], environ={}, facts=no_facts)
    assert bad.validate(path, Splunk, bad.problems) is None
    assert str(bad.problems).startswith("--set exporters.splunk_hec.token a secret is not")
    for document in (good, referred, bad):
        assert "s3cret" not in repr(document) + str(document.problems)
    assert "s3cret" not in str(good.printable()) + str(referred.printable())


def test_p10_everything_that_is_wrong_comes_at_once_in_order(tmp_path: Path) -> None:
    first, second = write(
        tmp_path,
        "recievers: {}\nexporters:\n  /x: {}\n  a: {}\n  a: {}\nservice:\n  pipelines: {p: {receivers: [r]}}\n",
        "processors: [sanitize]\noverlays: 5\nexporters: {s: {tokn: 1, token: '${env:T}'}}\n",
    )
    document = load([first, second], sets=["nothing"], environ={"BEACON__NOPE": "hunter2"}, facts=no_facts)
    document.validate(("exporters", "s"), Splunk, document.problems)
    document.validate(("service",), ServiceOptions, document.problems)
    document.problems.append(document.problem(("service", "pipelines", "p", "receivers", 0), "is not defined"))
    with pytest.raises(InvalidConfigurationError) as caught:
        document.problems.raise_if_any()
    assert [str(p).replace(f"{tmp_path}/", "").partition(";")[0] for p in caught.value.problems] == [
        "0.yaml:1:1 recievers unknown section",
        "0.yaml:3:3 exporters./x an id is a type, or a type and a name: type/name",
        "0.yaml:5:3 exporters.a duplicate key",
        "0.yaml:7:15 service.pipelines.p.exporters missing option",
        "0.yaml:7:31 service.pipelines.p.receivers[0] is not defined",
        "1.yaml:1:13 processors expected a map: ids (type or type/name) and their options",
        "1.yaml:2:11 overlays expected a list of maps, each with a `when`",
        "1.yaml:3:17 exporters.s.tokn unknown option",
        "1.yaml:3:33 exporters.s.token the variable T is not set",
        'BEACON__NOPE unknown section "nope"',
        "--set nothing expected path=value, such as exporters.splunk_hec.index=agents",
    ]


def test_p10_a_file_that_is_not_yaml_ends_loading_with_what_is_wrong_elsewhere(tmp_path: Path) -> None:
    files = [*write(tmp_path, "exporters: {a: ${env:T}}", "exporters: {b: '${env:T}'}"), tmp_path / "no.yaml"]
    with pytest.raises(InvalidConfigurationError) as caught:
        load(files, sets=["x"], environ={}, facts=no_facts)
    assert [str(problem.origin).replace(f"{tmp_path}/", "") for problem in caught.value.problems] == [
        "0.yaml:1:16",
        "1.yaml:1:16",
        "no.yaml",
        "--set x",
    ]


def loaded(tmp_path: Path, text: str) -> Document:
    return load(write(tmp_path, text), environ={}, facts=no_facts)


def test_components_are_found_by_section_and_id(tmp_path: Path) -> None:
    document = loaded(tmp_path, "exporters:\n  file/a: {path: x}\n  b:\nreceivers:\n")
    assert list(document.section("exporters")) == ["file/a", "b"]
    assert document.section("receivers") == document.section("processors") == {}
    path = document.node(("exporters", "file/a", "path"))
    assert path is not None
    assert path.value == "x"
    assert document.node(("exporters", "c", "path")) is None
    assert load([], environ={}, facts=no_facts).section("exporters") == {}


@pytest.mark.parametrize(
    ("path", "at_key", "position"),
    [
        (("exporters", "file/a", "path"), False, "2:18"),
        (("exporters", "file/a", "path"), True, "2:12"),
        (("exporters", "file/a"), True, "2:3"),
        (("exporters", "file/a", "nope"), True, "2:3"),
        (("exporters", "nope"), True, "1:1"),
    ],
)
def test_others_can_report_at_a_path(path: ConfigPath, at_key: bool, position: str, tmp_path: Path) -> None:
    document = loaded(tmp_path, "exporters:\n  file/a: {path: x}\n")
    problem = document.problem(path, "is wrong", at_key=at_key)
    assert str(problem).startswith(f"{tmp_path}/0.yaml:{position} {'.'.join(map(str, path))} is wrong")


def test_service_takes_the_options_of_any_queue_and_refuses_unknown_keys_elsewhere(tmp_path: Path) -> None:
    document = loaded(
        tmp_path,
        "service:\n  queue: {max_bytes: 1GiB}\n  telemetry: {endpont: x}\n"
        "  pipelines: {default: {receivers: [], exporters: [a], allow_unsanitised: true}}\n",
    )
    assert document.validate(("service",), ServiceOptions, document.problems) is None
    assert [str(p).removeprefix(f"{tmp_path}/0.yaml:") for p in document.problems] == [
        '3:15 service.telemetry.endpont unknown option; did you mean "endpoint"?',
        "4:36 service.pipelines.default.receivers must not be empty",
        '4:56 service.pipelines.default.allow_unsanitised unknown option; did you mean "allow_unsanitized"?',
    ]


def test_p10_a_service_without_pipelines_is_a_problem(tmp_path: Path) -> None:
    document = loaded(tmp_path, "exporters: {}")
    document.validate(("service",), ServiceOptions, document.problems)
    assert str(document.problems) == f"{tmp_path}/0.yaml:1:1 service.pipelines missing option"


@pytest.mark.parametrize("name", ["ComponentConfig", "Problems", "ServiceOptions", "load"])
def test_no_name_of_the_package_costs_more_than_its_own_import(name: str) -> None:
    script = (
        f"import sys\nfrom beacon_core.config import {name}\n"
        "print(sorted({'yaml', 'pydantic_settings', 'difflib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_name_of_the_package_can_be_imported() -> None:
    import beacon_core.config

    for name in beacon_core.config.__all__:
        assert getattr(beacon_core.config, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        beacon_core.config.nope  # noqa: B018

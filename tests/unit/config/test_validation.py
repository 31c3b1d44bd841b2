from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr, field_validator, model_validator

from beacon_core.config import ComponentConfig, Document, Duration, ExporterConfig, Problems, Secret, Size, load
from beacon_core.config.document import Document as SameDocument

ENVIRON = {"TOKEN": "s3cret-value", "PORT": "4318", "ON": "yes", "WORD": "hunter2", "EMPTY": ""}


class Http(ComponentConfig):
    endpoint: str = "127.0.0.1:4318"
    port: int = 0


class Tcp(ComponentConfig):
    kind: Literal["tcp"]
    port: int


class Udp(ComponentConfig):
    kind: Literal["udp"]
    port: int


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


class Options(ExporterConfig):
    endpoint: str
    token: Secret = SecretStr("")
    port: int = Field(default=1, ge=1, le=65535)
    ratio: float = Field(default=0.5, gt=0, lt=1)
    compress: bool = False
    size: Size = Field(default=0, validate_default=False)
    wait: Duration = 1.0
    mode: Literal["gzip", "none"] = "none"
    level: Level = Level.LOW
    name: str = Field(default="nobody", min_length=1, max_length=20, pattern="^[a-z]*$")
    tags: list[str] = Field(default_factory=list, max_length=3)
    headers: dict[str, Secret] = Field(default_factory=dict)
    http: Http | None = None
    targets: list[Http] = Field(default_factory=list)
    named: dict[str, Http] = Field(default_factory=dict)
    link: Annotated[Tcp | Udp, Field(discriminator="kind")] | None = None
    either: int | bool | Http = 0
    picky: str = ""
    renamed: int = Field(default=0, alias="old-name")

    @field_validator("picky")
    @classmethod
    def _refuse(cls, value: str) -> str:
        if value:
            raise ValueError(f"{value!r} is not welcome")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Options:
        if self.endpoint == self.name:
            raise ValueError(f"endpoint {self.endpoint} and name are the same")
        return self


def check(tmp_path: Path, options: str, **environ: str) -> tuple[Options | None, list[str]]:
    """Validate options that begin at line 3 with an indentation of 4."""
    file = tmp_path / "p.yaml"
    lines = "".join(f"    {line}\n" for line in options.splitlines())
    file.write_text(f"exporters:\n  x/1:\n{lines}")
    document = load([file], environ=ENVIRON | environ, facts=dict)
    result = document.validate(("exporters", "x/1"), Options, document.problems)
    return result, [str(problem).removeprefix(f"{file}:") for problem in document.problems]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("endpont: x\nendpoint: x", '3:5 exporters.x/1.endpont unknown option; did you mean "endpoint"?'),
        ("port: 2", "2:3 exporters.x/1.endpoint missing option"),
        ("endpoint: x\nport: ten", "4:11 exporters.x/1.port expected a whole number"),
        ("endpoint: x\nport: 1.5", "4:11 exporters.x/1.port expected a whole number"),
        ("endpoint: x\nport: 1e3", "4:11 exporters.x/1.port expected a whole number"),
        ("endpoint: x\nport: [1]", "4:11 exporters.x/1.port expected a whole number"),
        ("endpoint: x\nport: 0", "4:11 exporters.x/1.port expected 1 or more"),
        ("endpoint: x\nport: 70000", "4:11 exporters.x/1.port expected 65535 or less"),
        ("endpoint: x\nport:", "4:5 exporters.x/1.port expected a whole number"),
        ("endpoint: x\nratio: 0", "4:12 exporters.x/1.ratio expected more than 0.0"),
        ("endpoint: x\nratio: 1", "4:12 exporters.x/1.ratio expected less than 1.0"),
        ("endpoint: x\nratio: half", "4:12 exporters.x/1.ratio expected a number"),
        ("endpoint: x\ncompress: maybe", "4:15 exporters.x/1.compress expected true or false"),
        ("endpoint: x\nsize: 2 elephants", '4:11 exporters.x/1.size expected a size, such as "2MiB" or "500kB"'),
        (
            "endpoint: x\nwait: soon",
            '4:11 exporters.x/1.wait a duration is a number with a unit, such as "10s", "500ms" or "1m30s"',
        ),
        ("endpoint: x\nmode: gzp", '4:11 exporters.x/1.mode expected "gzip" or "none"; did you mean "gzip"?'),
        ("endpoint: x\nmode: zebra", '4:11 exporters.x/1.mode expected "gzip" or "none"'),
        ("endpoint: x\nlevel: hihg", '4:12 exporters.x/1.level expected "low" or "high"; did you mean "high"?'),
        ('endpoint: x\nname: ""', "4:11 exporters.x/1.name must not be empty"),
        (f"endpoint: x\nname: {'a' * 21}", "4:11 exporters.x/1.name expected at most 20 characters"),
        ("endpoint: x\nname: A", "4:11 exporters.x/1.name expected text that matches ^[a-z]*$"),
        ("endpoint: true", "3:15 exporters.x/1.endpoint expected text; put it in quotes"),
        ("endpoint: [x]", "3:15 exporters.x/1.endpoint expected text"),
        ("endpoint: x\ntargets: [5]", "4:15 exporters.x/1.targets[0] expected a map"),
        ("endpoint: x\ntags: a", "4:11 exporters.x/1.tags expected a list"),
        ("endpoint: x\ntags: [a, {b: c}]", "4:15 exporters.x/1.tags[1] expected text"),
        ("endpoint: x\ntags: [a, b, c, d]", "4:11 exporters.x/1.tags expected at most 3 entries"),
        ("endpoint: x\nheaders: 5", "4:14 exporters.x/1.headers expected a map"),
        (
            "endpoint: x\nheaders: {auth: written-out}",
            "4:21 exporters.x/1.headers.auth a secret is not written out here; refer to it: ${env:NAME} or ${file:",
        ),
        ("endpoint: x\nhttp: {prot: 5}", '4:12 exporters.x/1.http.prot unknown option; did you mean "port"?'),
        (
            "endpoint: x\ntargets:\n  - endpoint: a\n  - zebra: b",
            "6:9 exporters.x/1.targets[1].zebra unknown option; known: endpoint, port",
        ),
        ("endpoint: x\nnamed: {a: {prot: 1}}", '4:17 exporters.x/1.named.a.prot unknown option; did you mean "port"?'),
        ("endpoint: x\nnamed: {port: {port: no}}", "4:26 exporters.x/1.named.port.port expected a whole number"),
        ("endpoint: x\nlink: {kind: tcp, port: no}", "4:29 exporters.x/1.link.port expected a whole number"),
        ("endpoint: x\nlink: {kind: tcp}", "2:3 exporters.x/1.link.port missing option"),
        ("endpoint: x\nlink: {kind: tcp, prot: 5, port: 1}", "4:23 exporters.x/1.link.prot unknown option; did you"),
        ("endpoint: x\neither: zebra", "4:13 exporters.x/1.either expected a whole number or true or false or a map"),
        ("endpoint: x\nretry_on_failure: {multiplier: 0.5}", "4:36 exporters.x/1.retry_on_failure.multiplier expect"),
        ("endpoint: x\nold-nam: 5", '4:5 exporters.x/1.old-nam unknown option; did you mean "old-name"?'),
        ("endpoint: x\nold-name: z", "4:15 exporters.x/1.old-name expected a whole number"),
        ("endpoint: x\npicky: y", "4:12 exporters.x/1.picky 'y' is not welcome"),
        ("endpoint: same\nname: same", "2:3 exporters.x/1 endpoint same and name are the same"),
    ],
)
def test_p10_what_is_wrong_is_said_where_it_stands(options: str, complaint: str, tmp_path: Path) -> None:
    result, complaints = check(tmp_path, options)
    assert result is None
    assert len(complaints) == 1, complaints
    assert complaints[0].startswith(complaint), complaints


def test_p10_all_problems_of_a_component_come_at_once(tmp_path: Path) -> None:
    _, complaints = check(tmp_path, "endpont: x\nport: ten\ntoken: hunter2\nname: ${env:NOPE}\nmode: gzp")
    assert [text.split(" ")[:2] for text in complaints] == [
        ["2:3", "exporters.x/1.endpoint"],
        ["3:5", "exporters.x/1.endpont"],
        ["4:11", "exporters.x/1.port"],
        ["5:12", "exporters.x/1.token"],
        ["6:11", "exporters.x/1.name"],
        ["7:11", "exporters.x/1.mode"],
    ]


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("port: ${env:PORT}", "port", 4318),
        ("port: '4318'", "port", 4318),
        ("compress: ${env:ON}", "compress", True),
        ("compress: yes", "compress", True),
        ("compress: no", "compress", False),
        ("wait: 1m30s", "wait", 90.0),
        ("wait: 5", "wait", 5.0),
        ("size: 2MiB", "size", 2 * 1024 * 1024),
        ("name: no", "name", "no"),
        ("ratio: ${env:R:-0.25}", "ratio", 0.25),
        ("tags: [3.10, 5, 12:30:00]", "tags", ["3.10", "5", "12:30:00"]),
        ("mode: ${env:M:-gzip}", "mode", "gzip"),
        ("http:", "http", Http()),
        ("named: {a: }", "named", {"a": Http()}),
        ("headers:", "headers", {}),
    ],
)
def test_options_of_every_kind_can_be_written_or_referred_to(
    option: str, name: str, value: Any, tmp_path: Path
) -> None:
    result, complaints = check(tmp_path, f"endpoint: x\n{option}")
    assert not complaints
    assert getattr(result, name) == value


def test_p7_a_secret_comes_through_a_reference(tmp_path: Path) -> None:
    result, complaints = check(tmp_path, 'endpoint: x\ntoken: ${env:TOKEN}\nheaders: {a: "Bearer ${env:TOKEN}"}')
    assert not complaints
    assert result is not None
    assert result.token.get_secret_value() == "s3cret-value"
    assert result.headers["a"].get_secret_value() == "Bearer s3cret-value"
    assert "s3cret-value" not in repr(result)


@pytest.mark.parametrize(
    "option",
    [
        "port: ${env:WORD}",
        "compress: ${env:WORD}",
        "size: ${env:WORD}",
        "wait: ${env:WORD}",
        "mode: ${env:WORD}",
        "tags: ${env:WORD}",
        "http: ${env:WORD}",
        "link: ${env:WORD}",
        'link: {kind: "${env:WORD}", port: 1}',
        "either: ${env:WORD}",
        "picky: ${env:WORD}",
        "picky: '  ${env:WORD}  '",
        "endpoint: ${env:WORD}\nname: ${env:LETTERS}",
    ],
)
def test_p7_no_message_quotes_what_a_reference_stands_for(option: str, tmp_path: Path) -> None:
    endpoint = "" if option.startswith("endpoint") else "endpoint: x\n"
    _, complaints = check(tmp_path, f"{endpoint}{option}", LETTERS="hunter" + "2")
    assert complaints
    assert "hunter2" not in " ".join(complaints)


def test_what_follows_from_a_missing_variable_is_not_reported_again(tmp_path: Path) -> None:
    result, complaints = check(tmp_path, "endpoint: ${env:A1}\nport: ${env:B1}\nname: ''\npicky: ${env:C1}")
    assert result is None
    assert [text.split(" ")[1:4] for text in complaints] == [
        ["exporters.x/1.endpoint", "the", "variable"],
        ["exporters.x/1.port", "the", "variable"],
        ["exporters.x/1.name", "must", "not"],
        ["exporters.x/1.picky", "the", "variable"],
    ]
    assert check(tmp_path, "endpoint: ${env:A1}")[0] is None


def document_of(tmp_path: Path, text: str) -> Document:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    return load([file], environ={}, facts=dict)


@pytest.mark.parametrize("text", ["exporters: {x: }", "exporters: {x: {}}", "exporters: {}", "exporters:", ""])
def test_no_options_are_an_empty_map(text: str, tmp_path: Path) -> None:
    problems = Problems()
    assert document_of(tmp_path, text).validate(("exporters", "x"), Http, problems) == Http()
    assert not problems


def test_p10_a_component_that_is_no_map_is_a_problem(tmp_path: Path) -> None:
    problems = Problems()
    assert document_of(tmp_path, "exporters:\n  x: 5").validate(("exporters", "x"), Http, problems) is None
    assert str(problems) == f"{tmp_path}/p.yaml:2:6 exporters.x expected a map"


def test_keys_that_belong_to_others_can_be_left_out(tmp_path: Path) -> None:
    problems = Problems()
    document = document_of(tmp_path, "service: {queue: {type: sqlite, port: 5}}")
    assert document.validate(("service", "queue"), Http, problems, exclude={"type"}) == Http(port=5)
    assert not problems


def test_the_document_has_one_name() -> None:
    assert Document is SameDocument


class Rotation(ComponentConfig):
    """Options that are on by default."""

    size: int = 100


class Switches(ComponentConfig):
    """Options that can be switched off, that are off, and that always are there."""

    on: Rotation | None = Rotation()
    off: Rotation | None = None
    always: Rotation = Rotation()


def test_null_switches_off_what_is_on_by_default_and_means_the_defaults_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("exporters:\n  x:\n    on: null\n    off:\n    always: ~\n")
    document = load([tmp_path / "p.yaml"], environ={}, facts=dict)
    options = document.validate(("exporters", "x"), Switches, document.problems)
    assert options == Switches(on=None, off=Rotation(), always=Rotation())

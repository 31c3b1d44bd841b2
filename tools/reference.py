"""Writes what is generated, reference pages and the tables that are read at a start: `make docs`. Tests compare.

It writes whole pages, and the tables of options in the READMEs of plugins that ask for one. The command line comes from
click's help, options from the configuration models, members of events from their structs. What is said nowhere in the
code stands in `reference.toml`; a member of an event without a description is an error.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import signal
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import agent_environment  # beside this file
import canonical_names
import click
import event_schema
import fingerprint
import msgspec
import readmes  # beside this file

from beacon_core import event as events
from beacon_core.cli import exit_codes
from beacon_core.cli import main as beacon
from beacon_core.component import KINDS, Component
from beacon_core.config import BatchOptions, ComponentConfig, ExporterConfig, RetryOptions, describe
from beacon_core.config.description import annotation_words, plural
from beacon_core.config.service import PipelineOptions, QueueSelection, ServiceOptions, TelemetryOptions
from beacon_core.plugins import installed, load

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference"
GENERATED = "<!-- Written by tools/reference.py (`make docs`); edit that, or what it reads. -->\n"

Row = tuple[str, ...]
PROSE: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def table(head: Row, rows: list[Row]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def page(*parts: str) -> str:
    """Return parts as a page, with an empty line between them."""
    return "\n\n".join([GENERATED + parts[0], *parts[1:]]).rstrip() + "\n"


def sentence(text: str | None) -> str:
    """Return a text of several lines as one, with a full stop."""
    joined = " ".join((text or "").split())
    return joined if not joined or joined.endswith((".", "?", "!")) else f"{joined}."


# ---- cli.md ----


def cli_page() -> str:
    """Return the page about the commands."""
    prose = PROSE["cli"]
    numbers = {
        "done": "0",
        "failed": str(exit_codes.FAILED),
        "usage": str(click.UsageError.exit_code),
        "unavailable": str(exit_codes.UNAVAILABLE),
        "configuration": str(exit_codes.CONFIGURATION),
        "signalled": f"{128 + signal.SIGINT}, {128 + signal.SIGTERM}",
    }
    codes: list[Row] = [(number, prose["codes"][name]) for name, number in numbers.items()]
    commands = [text for name, command in all_commands(beacon) for text in command_parts(name, command)]
    return page(
        "# Command line",
        f"{sentence(beacon.help)} {prose['before']}",
        table(("option", "meaning"), option_rows(beacon, context_of("beacon", beacon))),
        *commands,
        "## Exit codes",
        table(("code", "meaning"), codes),
        prose["after"].strip(),
    )


def all_commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the commands of a group, and those of groups in it, by name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield prefix + name, command
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{prefix}{name} ")


def command_parts(name: str, command: click.Command) -> list[str]:
    """Return the section of a command."""
    context = context_of(f"beacon {name}", command)
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"## `beacon {name}`", sentence(command.help), f"```text\nbeacon {name} {usage}\n```"]
    arguments = [argument for argument in command.params if isinstance(argument, click.Argument)]
    if any(isinstance(argument.type, click.Choice) for argument in arguments):
        parts.append("\n".join(argument_lines(arguments)))
    parts.append(table(("option", "meaning"), option_rows(command, context)))
    return [*parts, *epilog_parts(command.epilog or "")]


def context_of(name: str, command: click.Command) -> click.Context:
    """Return the context in which a command says what it takes."""
    return click.Context(command, info_name=name, **beacon.context_settings)


def argument_lines(arguments: list[click.Argument]) -> Iterator[str]:
    """Yield a line for each argument with a fixed set of values."""
    for argument in arguments:
        if isinstance(argument.type, click.Choice):
            choices = ", ".join(f"`{choice}`" for choice in argument.type.choices)
            yield f"The first argument is one of {choices}."


def option_rows(command: click.Command, context: click.Context) -> list[Row]:
    """Return a row for each option."""
    rows: list[Row] = []
    for option in command.get_params(context):
        if isinstance(option, click.Option):
            takes = "" if option.is_flag else f" {option.metavar or choices_of(option)}"
            names = ", ".join(f"`{name}{takes}`" for name in sorted(option.opts, key=len, reverse=True))
            notes = "Required." if option.required else f"Default: `{option.default}`." if option.show_default else ""
            rows.append((names, f"{sentence(option.help)} {notes}".strip()))
    return rows


def choices_of(option: click.Option) -> str:
    """Return the values that an option may have, or the name of its type."""
    choices = getattr(option.type, "choices", None)
    return "|".join(choices) if choices else option.type.name.upper()


def epilog_parts(epilog: str) -> Iterator[str]:
    """Yield what stands below a command's options: sentences, and examples as a block of shell commands."""
    for paragraph in epilog.replace("\b\n", "\n\b\n").split("\n\b\n"):
        first, *rest = inspect.cleandoc(paragraph).splitlines() or [""]
        if first.startswith("Example"):
            commands = [re.sub(r" {2,}(?=\S)", "  # ", line.strip(), count=1) for line in rest]
            yield "```sh\n" + "\n".join(commands) + "\n```"
        elif first:
            yield sentence(" ".join([first, *rest]))


# ---- components.md ----


def components_page() -> str:
    """Return the page about the component types of this repository and their options."""
    parts = ["# Components", *(text.strip() for text in PROSE["components"]["before"])]
    for kind in KINDS:
        parts += [f"## {kind.title()}"]
        parts += exporter_parts() if kind == "exporters" else []
        for item in installed(kind):
            if item.distribution.startswith("beacon-"):
                parts += component_parts(item.type, item.distribution, load(kind, item.type))
    for title, model in (
        ("## A pipeline: `service.pipelines.<name>`", PipelineOptions),
        ("## `service.queue`", QueueSelection),
        ("## `service.telemetry`", TelemetryOptions),
    ):
        parts += [title, sentence(inspect.getdoc(model)), options_table(model)]
    rows = [row for row in option_rows_of(ServiceOptions) if row[0] == "`workers`"]  # the others have sections above
    parts += ["## `service`", table(("option", "type", "default", "meaning"), rows)]
    return page(*parts)


def exporter_parts() -> list[str]:
    """Return what all exporters have in common."""
    models = (("batch", BatchOptions), ("retry_on_failure", RetryOptions))
    meanings = "\n".join(f"* `{name}`: {sentence(inspect.getdoc(model))}" for name, model in models)
    text = PROSE["components"]["exporters"].strip()
    return ["### Options of every exporter", text, meanings, options_table(ExporterConfig)]


def component_parts(name: str, distribution: str, component: type[Component]) -> list[str]:
    """Return the section of a component type."""
    text = sentence((inspect.getdoc(component) or "").partition("\n\n")[0])
    plugin = ROOT / "plugins" / distribution.removeprefix("beacon-") / "README.md"
    more = f" See [its README](../../{plugin.relative_to(ROOT).as_posix()})." if plugin.is_file() else ""
    common = option_rows_of(ExporterConfig) if issubclass(component.config_class, ExporterConfig) else []
    rows = [row for row in option_rows_of(component.config_class) if row not in common]
    options = table(("option", "type", "default", "meaning"), rows) if rows else "No options."
    return [f"### `{name}`", text, f"Distribution: `{distribution}`.{more}", options]


def options_of(kind: str, name: str) -> str:
    """Return the table of a component's options for the README of its plugin."""
    return component_parts(name, "", load(next(each for each in KINDS if each == kind), name))[-1]


def options_table(model: type[ComponentConfig]) -> str:
    """Return the options of a model as a table."""
    return table(("option", "type", "default", "meaning"), option_rows_of(model))


def processor_options(name: str) -> str:
    """Return the options of a processor as a table."""
    return options_table(load("processors", name).config_class)


def option_rows_of(model: type[ComponentConfig]) -> list[Row]:
    """Return a row for each option, those of nested models under dotted names."""
    return [
        (f"`{option.name}`", option.type, shown_default(option.default), sentence(option.description))
        for option in describe(model)
    ]


def shown_default(default: str | None) -> str:
    """Return a default for people."""
    return "*required*" if default is None else f"`{default}`" if default else "none"


# ---- sanitize-rules.md ----


def rules_page() -> str:
    """Return the page about the rules of `sanitize`, by pack."""
    parts = ["# Rules of sanitize", PROSE["sanitize-rules"]["before"].strip()]
    parts += ["## Options", processor_options("sanitize")]
    folder = ROOT / "beacon_core" / "processors" / "sanitize"
    own = tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8"))
    packs = [{"pack": "beacon", **PROSE["sanitize-rules"]["beacon"], "rules": own["rule"]}]
    packs += [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "packs").glob("*.json"))]
    for pack in packs:
        rules = {rule["id"]: sentence(rule["description"]) for rule in reversed(pack["rules"])}
        rows: list[Row] = [(f"`{rule}`", text) for rule, text in sorted(rules.items())]
        parts += [f"## `{pack['pack']}`", f"Source: {pack['source']}. Licence: {pack['licence']}."]
        parts += [table(("rule", "finds"), rows)]
        if pack.get("refused"):
            refused: list[Row] = [(f"`{rule}`", sentence(reason)) for rule, reason in sorted(pack["refused"].items())]
            parts += ["Not taken:", table(("rule", "why"), refused)]
    return page(*parts)


# ---- events.md ----

_STRUCTS: tuple[type[msgspec.Struct], ...] = (
    *(events.Event, events.Scope),
    *(events.Metric, events.Buckets, events.Quantile, events.Exemplar),
    *(events.Span, events.SpanEvent, events.SpanLink),
)
_MEMBER = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def events_page() -> str:
    """Return the page about a line of the file exporter."""
    prose = PROSE["events"]
    parts = ["# Events", *(text.strip() for text in prose["before"])]
    for struct in _STRUCTS:
        described = dict(prose[struct.__name__])
        title, text = described.pop("title"), described.pop("text", "")
        rows = member_rows(struct, described)
        parts += [f"## {title}", *([text] if text else []), table(("member", "type", "meaning"), rows)]
    examples = [msgspec.convert(example, events.Event) for example in prose["example"]]
    parts += ["## Examples", *(f"```json\n{events.encode_lines([event]).decode().rstrip()}\n```" for event in examples)]
    return page(*parts)


def member_rows(struct: type[msgspec.Struct], described: dict[str, str]) -> list[Row]:
    """Return a row for each member, in the order of a line.

    Raises:
        SystemExit: a member has no description, or one that does not exist has one.
    """
    said = {name: sentence(text) for name, text in _MEMBER.findall(inspect.getdoc(struct) or "")} | described
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    names = [*fields]
    if struct is events.Event:
        names.insert(names.index("time_unix_nano"), "time")
    if set(names) != set(said):
        raise SystemExit(f"tools/reference.toml, {struct.__name__}: {sorted(set(names) ^ set(said))}")
    rows: list[Row] = []
    for name in names:
        always = name not in fields or fields[name].required
        kind = "text" if name not in fields else member_type(name, fields[name].type)
        text = said[name][0].upper() + said[name][1:]
        rows.append((f"`{name}`", kind, f"{text} Always there." if always else text))
    return rows


def member_type(name: str, annotation: Any) -> str:
    """Return the type of a member in words."""
    if name in {"attributes", "resource"}:
        return "map"
    if inspect.isclass(annotation) and issubclass(annotation, msgspec.Struct):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    arguments = [argument for argument in get_args(annotation) if argument is not NoneType]
    if get_origin(annotation) in {Union, UnionType}:
        if set(arguments) == {int, float}:
            return "number"
        return member_type(name, arguments[0])
    if get_origin(annotation) is list:
        return f"list of {plural(member_type('', arguments[0]))}"
    return annotation_words(annotation)


def main() -> int:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=PAGES, help="where to write to")
    parser.add_argument(
        "--readmes", type=Path, help="where to write the READMEs of plugins to, instead of their places"
    )
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    os.environ.clear()  # a default may be a variable's value: the page is about no machine in particular
    folder.mkdir(parents=True, exist_ok=True)
    if folder == PAGES:
        fingerprint.write_json()
        canonical_names.write_json()
    pages = {
        "cli": cli_page,
        "components": components_page,
        "events": events_page,
        "sanitize-rules": rules_page,
    }
    for name, make in pages.items():
        (folder / f"{name}.md").write_text(make(), encoding="utf-8")
    described = fingerprint.parts(table, processor_options("fingerprint"))
    (folder / "fingerprint.md").write_text(page(*described), encoding="utf-8")
    (folder / "agent-environment.md").write_text(page(*agent_environment.parts(table)), encoding="utf-8")
    names = canonical_names.parts(table, PROSE["names"]["before"], processor_options("canonicalize"))
    (folder / "canonical-names.md").write_text(page(*names), encoding="utf-8")
    schema = event_schema.parts(table, PROSE["event-schema"]["before"])
    (folder / "event-schema.md").write_text(page(*schema), encoding="utf-8")
    (folder / event_schema.FILE).write_bytes(event_schema.encoded())
    if folder == PAGES or arguments.readmes:
        readmes.write(arguments.readmes or readmes.PLUGINS, options_of)
    return 0


if __name__ == "__main__":
    sys.exit(main())

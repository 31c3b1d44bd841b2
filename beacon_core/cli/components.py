"""`beacon components`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from beacon_core.plugins import Installed

EPILOG = """\b
Examples:
  beacon components                      what is installed
  beacon components exporters            the same, exporters only
  beacon components exporters file       with its options, types and defaults
  beacon components --json               all of it for programs
"""


@click.command(epilog=EPILOG, short_help="List what is installed.")
@click.argument("kind", required=False, type=click.Choice(["receivers", "processors", "exporters", "queues"]))
@click.argument("type_name", metavar="[TYPE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def components(kind: str | None, type_name: str | None, as_json: bool) -> None:
    """List the component types that are installed, and their options."""
    from beacon_core.component import KINDS  # noqa: PLC0415 - heavy
    from beacon_core.plugins import installed  # noqa: PLC0415 - heavy

    found = [
        item for each in KINDS if kind in {None, each} for item in installed(each) if type_name in {None, item.type}
    ]
    if type_name is not None and not found:
        raise click.UsageError(f"no {kind} type {type_name!r} is installed; see: beacon components {kind}")
    if as_json:
        click.echo(json.dumps([_described(item) for item in found], indent=2))
    elif type_name is not None:
        for item in found:
            _print_options(_described(item))
    else:
        _print_list(found)


def _described(item: Installed) -> dict[str, Any]:
    """Return everything about a type; one that cannot be imported says why instead of its options."""
    from dataclasses import asdict  # noqa: PLC0415

    from beacon_core.config import describe  # noqa: PLC0415 - heavy
    from beacon_core.errors import PluginError  # noqa: PLC0415
    from beacon_core.plugins import load, summary  # noqa: PLC0415 - heavy

    basics: dict[str, Any] = {
        "kind": item.kind,
        "type": item.type,
        "distribution": item.distribution,
        "version": item.version,
    }
    try:
        component = load(item.kind, item.type)
    except PluginError as error:
        return basics | {"error": str(error)}
    listed = [asdict(option) for option in describe(component.config_class)]
    return basics | {"summary": summary(component), "options": listed}


def _print_list(found: list[Installed]) -> None:
    rows = [("KIND", "TYPE", "DISTRIBUTION", "VERSION")]
    rows += [(item.kind, item.type, item.distribution, item.version) for item in found]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_options(described: dict[str, Any]) -> None:
    click.echo(f"{described['type']} ({described['distribution']} {described['version']})")
    if "error" in described:
        click.echo(f"  {described['error']}")
        return
    click.echo(f"  {described['summary']}\n")
    for option in described["options"]:
        default = "required" if option["default"] is None else f"default: {option['default'] or 'none'}"
        click.echo(f"  {option['name']}  ({option['type']}; {default})")
        if option["description"]:
            click.echo(f"      {option['description']}")

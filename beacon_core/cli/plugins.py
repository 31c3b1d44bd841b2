"""`beacon plugins`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from beacon_core.cli import exit_codes

if TYPE_CHECKING:
    from beacon_core.cli.plugin_report import Check, Report


EPILOG = """\b
Examples:
  beacon plugins list
  beacon plugins check beacon-file
  beacon plugins check beacon-file --json
"""


@click.group(epilog=EPILOG)
def plugins() -> None:
    """Look at the distributions that bring components, and check whether they keep their contracts."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the distributions that bring components; `beacon components` lists these one by one."""
    from beacon_core.cli.plugin_checks import distributions  # noqa: PLC0415 - heavy

    found = distributions()
    if as_json:
        _print_json([{"distribution": name, "version": version, "components": each} for name, version, each in found])
        return
    rows = [("DISTRIBUTION", "VERSION", "COMPONENTS")]
    rows += [(name, version, ", ".join(each)) for name, version, each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, version, each in rows:
        click.echo(f"{name:<{widths[0]}}  {version:<{widths[1]}}  {each}")


@plugins.command()
@click.argument("distribution")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(distribution: str, as_json: bool) -> None:
    """Check an installed distribution: what Beacon's contracts say of components, and whether it holds.

    Exit code 0: everything that was checked holds. 1: something does not. 69: pytest, which runs the contracts, is not
    installed. 78: there is no such distribution, or it brings no component.
    """
    from beacon_core.cli.plugin_checks import examine  # noqa: PLC0415 - heavy

    report = examine(distribution)
    if as_json:
        _print_json(_described(report))
    else:
        _print_report(report)
    if not report.holds:
        sys.exit(exit_codes.FAILED)
    if not report.complete:
        sys.exit(exit_codes.UNAVAILABLE)


def _described(report: Report) -> dict[str, Any]:
    return {
        "distribution": report.distribution,
        "version": report.version,
        "holds": report.holds,
        "complete": report.complete,
        "parts": [
            {
                "part": part,
                "checks": [{"check": each.name, "result": each.result, "why": each.why} for each in checks],
            }
            for part, checks in report.parts.items()
        ],
    }


def _print_report(report: Report) -> None:
    click.echo(f"{report.distribution} {report.version}")
    for part, checks in report.parts.items():
        click.echo(f"\n{part}")
        for each in checks:
            click.echo(f"  {each.result:<13}  {each.name}{_indented(each)}")
    figures = [
        f"{sum(each.result == result for each in report.checks)} {words}"
        for result, words in (("holds", "hold"), ("does not hold", "do not"), ("not checked", "not checked"))
    ]
    click.echo(f"\n{', '.join(figures)}")


def _indented(check: Check) -> str:
    """Return why, on lines of its own."""
    return "".join(f"\n{'':17}{line}" for line in check.why.splitlines())


def _print_json(value: object) -> None:
    import json  # noqa: PLC0415

    click.echo(json.dumps(value, indent=2))

"""`beacon version`."""

from __future__ import annotations

import json
import platform

import click

from beacon_core import __version__

EPILOG = """\b
Examples:
  beacon version
  beacon version --json        with Python, the platform and every plugin, for a bug report
"""


@click.command(epilog=EPILOG, short_help="Say what is installed here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def version(as_json: bool) -> None:
    """Say which Beacon this is, on which Python and platform, and which distributions add to it."""
    from beacon_core.component import KINDS  # noqa: PLC0415 - heavy
    from beacon_core.native import state  # noqa: PLC0415 - heavy
    from beacon_core.plugins import installed  # noqa: PLC0415 - heavy

    found = {item.distribution: item.version for kind in KINDS for item in installed(kind)}
    found = {name: found[name] for name in sorted(found) if name != "beacon-core"}
    about = {
        "version": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "plugins": found,
        "native": (native := state())._asdict(),
    }
    if as_json:
        click.echo(json.dumps(about, indent=2))
        return
    click.echo(f"beacon {__version__}")
    click.echo(f"{about['implementation']} {about['python']} on {about['platform']}")
    for name, number in found.items():
        click.echo(f"{name} {number}")
    click.echo(native.says)

"""An application of argparse."""

from __future__ import annotations

import argparse
import sys

from settings import BARE, act, telemetry

from beacon_track import add_telemetry_parser

parser = argparse.ArgumentParser(prog="acme")
parser.add_argument("--verbose", action="store_true")
commands = parser.add_subparsers()
env = commands.add_parser("env", aliases=["e"]).add_subparsers()
claim = env.add_parser("claim")
claim.add_argument("--name", "-n")
claim.add_argument("--count", type=int)
claim.add_argument("what", nargs="?", default="")
claim.set_defaults(run=lambda parsed: act(parsed.what))
add_telemetry_parser(commands, telemetry)


def main(parsed: argparse.Namespace) -> int | None:
    code: int | None = parsed.run(parsed)
    return code


sys.exit(main(parser.parse_args()) if BARE else telemetry.run(parser, main))

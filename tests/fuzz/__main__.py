"""The long form: `make fuzz`; prints what became of the cases, ends with 1 on any violation."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz import http_campaign, lines_campaign
from tests.fuzz.grpc_campaign import grpc_campaign
from tests.fuzz.http_campaign import HttpCampaign
from tests.fuzz.lines_campaign import file_campaign, stdin_campaign
from tests.fuzz.spool_campaign import spool_campaign

_FORMATS = ("json", "auto", "otlp_json")


def main() -> int:
    """Run all campaigns and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--cases", type=int, default=30_000, help="of each: HTTP requests, and lines; a sixth as many gRPC calls"
    )
    parser.add_argument("--seed", default="")
    options = parser.parse_args()
    seed = options.seed or secrets.token_hex(4)
    say(f"fuzz: {options.cases} requests and {options.cases} lines, seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="beacon-fuzz-"))
    begin = time.monotonic()
    http = HttpCampaign(make(folder / "otlp"), seed, tell=say).run(options.cases)
    say(http_summary(http))
    violations = http.violations
    for campaign in (stdin_campaign, file_campaign):
        for line_format in _FORMATS:
            name = f"{campaign.__name__}-{line_format}"
            result = campaign(make(folder / name), f"{seed}/{name}", options.cases // 6, line_format)
            say(lines_summary(name, result))
            violations = violations + result.violations
    spooled = spool_campaign(make(folder / "spool"), f"{seed}/spool", options.cases // 6)
    say(lines_summary("spool_campaign", spooled))
    calls = grpc_campaign(make(folder / "grpc"), f"{seed}/grpc", options.cases // 6)
    say(f"grpc_campaign              {calls.codes.total()} calls: {dict(calls.codes)}")
    violations = violations + spooled.violations + calls.violations
    say(f"{time.monotonic() - begin:.0f} s, seed {seed}")
    if violations:
        say("\n".join(["", f"{len(violations)} VIOLATIONS", *violations, "", f"everything is left in {folder}"]))
        return 1
    shutil.rmtree(folder)
    say("no violation")
    return 0


def make(folder: Path) -> Path:
    """Make a folder and return it."""
    folder.mkdir()
    return folder


def http_summary(result: http_campaign.Result) -> str:
    """Return the cases by kind and outcome; of requests in a row the statuses are counted one by one."""
    by_kind: dict[str, Counter[str]] = {}
    for (kind, outcome), count in result.outcomes.items():
        for status in outcome.split():
            by_kind.setdefault(kind, Counter())[status] += count
    columns = sorted({status for counts in by_kind.values() for status in counts})
    rows = [f"{'':14}" + "".join(f"{column:>8}" for column in columns)]
    for kind, counts in sorted(by_kind.items()):
        rows.append(f"{kind:14}" + "".join(f"{counts[column] or '':>8}" for column in columns))
    return "\n".join(
        [
            f"\n{result.cases} requests, {result.refused} of them refused",
            f"{len(result.good)} good ones accepted, one after each",
            *rows,
            f"memory at most {result.peak >> 20} MiB; received {result.receipt.get('received')} events\n",
        ]
    )


def lines_summary(name: str, result: lines_campaign.Result) -> str:
    """Return what became of the lines of a campaign."""
    return f"{name:26} {result.lines} lines: {result.taken} events, {result.refused} lines refused"


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

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
from tests.fuzz.decoding_campaign import decoding_campaign
from tests.fuzz.grpc_campaign import grpc_campaign
from tests.fuzz.http_campaign import HttpCampaign
from tests.fuzz.lines_campaign import file_campaign, stdin_campaign
from tests.fuzz.spool_campaign import spool_campaign

_FORMATS = ("json", "auto", "otlp_json")


def main() -> int:
    """Run all campaigns and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--cases",
        type=int,
        default=30_000,
        help="of each: HTTP requests, lines, and requests decoded both ways; a sixth as many gRPC calls",
    )
    parser.add_argument("--seed", default="")
    parser.add_argument("--only", choices=["decoding"], help="one campaign instead of all")
    options = parser.parse_args()
    seed = options.seed or secrets.token_hex(4)
    say(f"fuzz: {options.cases} cases of each, seed {seed}")
    begin = time.monotonic()
    violations = decoding(seed, options.cases)
    folder = Path(tempfile.mkdtemp(prefix="beacon-fuzz-"))
    if not options.only:
        violations += receivers(folder, seed, options.cases)
    say(f"{time.monotonic() - begin:.0f} s, seed {seed}")
    if violations:
        say("\n".join(["", f"{len(violations)} VIOLATIONS", *violations, "", f"everything is left in {folder}"]))
        return 1
    shutil.rmtree(folder)
    say("no violation")
    return 0


def decoding(seed: str, cases: int) -> list[str]:
    """Decode requests with native code and without; return the violations."""
    result = decoding_campaign(f"{seed}/decoding", cases)
    say(f"decoding_campaign          {result.outcomes.total()} requests: {dict(sorted(result.outcomes.items()))}")
    return result.violations


def receivers(folder: Path, seed: str, cases: int) -> list[str]:
    """Send to all receivers; return the violations."""
    http = HttpCampaign(make(folder / "otlp"), seed, tell=say).run(cases)
    say(http_summary(http))
    violations = http.violations
    for campaign in (stdin_campaign, file_campaign):
        for line_format in _FORMATS:
            name = f"{campaign.__name__}-{line_format}"
            result = campaign(make(folder / name), f"{seed}/{name}", cases // 6, line_format)
            say(lines_summary(name, result))
            violations = violations + result.violations
    spooled = spool_campaign(make(folder / "spool"), f"{seed}/spool", cases // 6)
    say(lines_summary("spool_campaign", spooled))
    calls = grpc_campaign(make(folder / "grpc"), f"{seed}/grpc", cases // 6)
    say(f"grpc_campaign              {calls.codes.total()} calls: {dict(calls.codes)}")
    return violations + spooled.violations + calls.violations


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

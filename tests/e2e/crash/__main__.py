"""The long form: `make crash N=200 SEED=...`; prints progress and a summary, ends with 1 on any violation."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.crash.campaign import PHASES, Campaign
from tests.e2e.crash.evidence import Evidence
from tests.e2e.crash.verdict import duplicates, interruptions, lost_names, violations

COLUMNS = (
    *(("arrivals", 10), ("events", 10), ("dead", 8), ("torn", 8), ("lost", 8)),
    *(("duplicates", 12), ("a run", 8), ("unconfirmed", 13)),
)


def main() -> int:
    """Run a campaign and judge it."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", default="")
    parser.add_argument("--quiet", action="store_true", help="print the summary only")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of Beacon (%(default)s)")
    options = parser.parse_args()
    seed = options.seed or secrets.token_hex(4)
    say(f"crash: {options.kills} kills, seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="beacon-crash-"))
    begin = time.monotonic()
    tell = say if not options.quiet else lambda _: None
    evidence = Campaign(folder, seed, tell=tell, workers=options.workers).run(options.kills)
    found = violations(evidence)
    say(f"\n{summary(evidence)}\n{time.monotonic() - begin:.0f} s, seed {seed}")
    if found:
        say("\n".join(["", f"{len(found)} VIOLATIONS", *found, "", f"everything is left in {folder}"]))
        say(f"again: make crash N={options.kills} SEED={seed}")
        return 1
    shutil.rmtree(folder)
    say("no violation")
    return 0


def summary(evidence: Evidence) -> str:
    """Return the figures of a campaign."""
    kills = [f"{phase} {sum(run.killed and run.phase == phase for run in evidence.runs)}" for phase in PHASES]
    receipts = [run.receipt for run in evidence.runs if run.receipt is not None]
    carried = sum(any(line["carried_over"] for line in receipt["exporters"].values()) for receipt in receipts)
    rows = [
        f"{len(evidence.runs)} runs, {evidence.kills} kills ({', '.join(kills)})",
        f"{len(receipts)} receipts, {carried} of them with events carried over",
        f"{len(evidence.acknowledged)} records acknowledged",
        f"{'exporter':14}" + "".join(f"{title:>{width}}" for title, width in COLUMNS),
    ]
    for exporter, arrivals in evidence.arrivals.items():
        by_run, excused, unexplained = duplicates(evidence, exporter)
        figures = (
            len(arrivals),
            len({arrival.id for arrival in arrivals}),
            len(evidence.runs[-1].after.dead.get(exporter, [])),
            len(evidence.torn.get(exporter, [])),
            len(lost_names(evidence, exporter)),
            by_run.total() + len(unexplained),
            max(by_run.values(), default=0) if -1 not in by_run else "-",
            excused,
        )
        cells = (f"{value:>{width}}" for value, (_, width) in zip(figures, COLUMNS, strict=True))
        rows.append(f"{exporter:14}" + "".join(cells))
    rows.append(
        f"allowed: {evidence.attempt} duplicates for each of {interruptions(evidence)} interruptions; "
        "unconfirmed are repetitions of what the destination took without saying so"
    )
    return "\n".join(rows)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Programs side by side, as their user meets them: OTLP/HTTP in, Splunk HEC out, every event looked for afterwards.

The subjects take turns; shown are medians and the ratios to the first subject of the same turn. A subject is
`NAME:COMMAND`; in the command, {port} is where it has to take OTLP/HTTP, {sink} the URL of the destination (HEC),
{sink_port} its port and {dir} a folder for its state. The same stands in BENCH_PORT, BENCH_SINK, BENCH_SINK_PORT and
BENCH_DIR. Without a subject, Beacon is measured, beside the sketch that is its yardstick (`--floor`) if it is there.
Ends with 1 if something was lost or got out.
"""

from __future__ import annotations

import argparse
import itertools
import shlex
import statistics
import sys
from pathlib import Path
from typing import Any, TypeAlias

from load import Load
from machine import a_processor, leave_a_processor, write_results
from records import CONTENT_TYPES
from run import measure
from subject import Subject, SubjectError

Run: TypeAlias = dict[str, float | None]

HERE = Path(__file__).resolve().parent
FLOOR = HERE.parents[1] / "shared" / "bench" / "floor.py"
FLOOR_MODES = "splunk,redact,wal,fsync"  # the promises that Beacon makes
#: What is shown: key, title, decimal places. Ratios are shown for all of them.
MEASURES = (
    ("events_per_s", "events/s", 0),
    ("cpu_us", "CPU us/event", 1),
    ("p99_ms", "p99 ms", 1),
    ("peak_mib", "peak MiB", 1),
    ("start_ms", "start ms", 0),
    ("stop_ms", "stop ms", 0),
    ("bench_us", "bench us/event", 1),
)
#: What is added up over the runs; the first three have to be 0. `held` came only after the subject was started again.
COUNTS = ("lost", "leaked", "readable", "refused", "duplicates", "held")
FATAL = COUNTS[:3]


def beacon(workers: int = 1) -> Subject:
    """Return Beacon with the pipeline file that lies here, in so many processes."""
    command = (str(Path(sys.executable).with_name("beacon")), "run", "--log-level", "error")
    several = ("--set", f"service.workers={workers}") if workers > 1 else ()
    name = f"beacon, {workers} workers" if several else "beacon"
    return Subject(name, (*command, "-p", str(HERE / "pipeline.yaml"), *several))


def alone() -> list[Subject]:
    """Return Beacon on one processor, with which several processes are compared; none where that cannot be had."""
    processors = tuple(a_processor())
    return [Subject("beacon, one CPU", beacon().command, processors)] if processors else []


def pure() -> Subject:
    """Return Beacon as it is without the extra `fast`, as far as its own code goes."""
    return Subject("beacon, pure Python", ("env", "BEACON_NATIVE=0", *beacon().command))


def floor(script: Path) -> Subject:
    """Return the sketch."""
    arguments = (FLOOR_MODES, "{port}", "{sink_port}", "{dir}/none", "{dir}")
    return Subject("floor", (sys.executable, str(script), *arguments))


def subjects_of(options: argparse.Namespace) -> list[Subject]:
    """Return what is to be measured, the yardstick first."""
    script = options.floor or (FLOOR if FLOOR.exists() else None)
    found = [floor(script)] if script and not options.no_floor else []
    if options.subject:
        return found + list(options.subject)
    one = alone() if options.workers else []
    return [*found, *one, beacon(), *([pure()] if options.pure else []), *map(beacon, options.workers)]


def take_turns(subjects: list[Subject], load: Load, options: argparse.Namespace) -> dict[str, list[Run]]:
    """Measure every subject in turn, so often."""
    repetitions = options.repetitions
    runs: dict[str, list[Run]] = {subject.name: [] for subject in subjects}
    for number, subject in itertools.product(range(repetitions), subjects):
        run = measure(subject, load, options.quiet, options.processors)
        runs[subject.name].append(run)
        shown = "  ".join(f"{name} {value:g}" for name, value in run.items() if value is not None)
        print(f"  {number + 1}/{repetitions} {subject.name}: {shown}", file=sys.stderr, flush=True)
    return runs


def summary(runs: list[Run], yardstick: list[Run]) -> dict[str, Any]:
    """Return medians, the medians of the ratios, and sums of the counts."""
    medians, ratios = {}, {}
    for name, _, _ in MEASURES:
        values = [value for run in runs if (value := run[name]) is not None]
        pairs = [(run[name], other[name]) for run, other in zip(runs, yardstick, strict=True)]
        shares = [mine / its for mine, its in pairs if mine is not None and its]
        medians[name] = statistics.median(values) if values else None
        ratios[name] = statistics.median(shares) if shares else None
    return {"medians": medians, "ratios": ratios, "counts": {c: sum(int(run[c] or 0) for run in runs) for c in COUNTS}}


def title(load: Load, options: argparse.Namespace) -> str:
    """Say in a line what a table shows."""
    repetitions, where = options.repetitions, "one processor, " if options.processors else ""
    return (
        f"{load.events} events, OTLP/HTTP {load.encoding}, batches of {load.batch}, {load.connections} connections, "
        f"{where}{repetitions} {'repetition' if repetitions == 1 else 'repetitions'}"
    )


def rows(summaries: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return a table with its heading: medians with ratios in parentheses, then the counts."""
    table = [["subject", *(heading for _, heading, _ in MEASURES), *COUNTS]]
    for name, found in summaries.items():
        cells = [name]
        for key, _, places in MEASURES:
            median, ratio = found["medians"][key], found["ratios"][key]
            share = "" if ratio is None else f" ({ratio:.2f})"
            cells.append("-" if median is None else f"{median:.{places}f}{share}")
        table.append(cells + [str(found["counts"][count]) for count in COUNTS])
    return table


def show(table: list[list[str]]) -> None:
    """Print a table."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *others in table:
        print("  ".join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]))
    print(flush=True)


def subject(text: str) -> Subject:
    """Read a subject of the command line."""
    try:
        return Subject.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--subject", action="append", type=subject, metavar="NAME:COMMAND", help="repeatable; instead of Beacon")
    add("--floor", type=Path, metavar="FILE", help="the yardstick, floor.py; default: ../shared/bench/floor.py")
    add("--no-floor", action="store_true", help="without it: the first subject is the yardstick")
    add("--workers", type=int, nargs="+", default=[], help="Beacon on one processor, and with so many processes")
    add("--pure", action="store_true", help="Beacon again without native code")
    add("--events", type=int, default=50_000, help="in a run (default: %(default)s)")
    add("--repetitions", type=int, default=3, help="of every subject (default: %(default)s)")
    add("--batch", type=int, nargs="+", default=[100], help="records in a request; several make several tables")
    add("--connections", type=int, default=8, help="default: %(default)s")
    add("--encoding", nargs="+", choices=list(CONTENT_TYPES), default=["protobuf"], help="default: protobuf")
    add("--pin", action="store_true", help="the subject has one processor, load and destination have the others")
    add("--quiet", type=float, default=10.0, help="seconds without an arrival until what is missing counts as lost")
    add("--json", type=Path, metavar="FILE", help="write all runs, too")
    options = parser.parse_args()
    options.processors = leave_a_processor() if options.pin else []
    if options.pin and not options.processors:
        print("--pin: there is only one processor, or the system cannot do it", file=sys.stderr)
    return options


def main() -> int:
    """Measure, print, and say whether every event was safe."""
    options = read_options()
    subjects = subjects_of(options)
    if len({each.name for each in subjects}) < len(subjects):
        sys.exit("two subjects have the same name")
    loads, safe = [], True
    for encoding, batch in itertools.product(options.encoding, options.batch):
        load = Load(0, options.events // batch * batch, batch, options.connections, encoding)
        print(title(load, options), flush=True)
        try:
            runs = take_turns(subjects, load, options)
        except SubjectError as error:
            sys.exit(str(error))
        yardstick = runs[subjects[0].name]
        summaries = {name: summary(found, yardstick) for name, found in runs.items()}
        show(rows(summaries))
        safe &= not any(found["counts"][count] for found in summaries.values() for count in FATAL)
        loads.append({"title": title(load, options), "runs": runs, "summaries": summaries})
    if options.json:
        commands = {each.name: shlex.join(each.command) for each in subjects}
        write_results(options.json, {"subjects": commands, "loads": loads})
    return 0 if safe else 1


if __name__ == "__main__":
    sys.exit(main())

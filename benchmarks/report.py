"""Writes docs/reference/performance.md from the results of all benchmarks: python benchmarks/report.py FOLDER."""

from __future__ import annotations

import argparse
import json
import re
import statistics
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import targets
import waiting
from side_by_side import rows

#: What a benchmark has written.
Content: TypeAlias = dict[str, Any]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "performance.md"
_INTRODUCTION = """<!-- Written by benchmarks/report.py (`make bench`); edit that. -->
# Performance

Figures are of one machine, at one time, with whatever else ran on it: ratios are what to compare. They relate subjects
that took turns in the same run. `make bench` measures all of it anew in under ten minutes and writes this page; do that
on an idle machine.
"""


_TARGETS = """## Targets

`x` is to the bare sketch `floor` in the same turn (see [Side by side](#side-by-side)), in batches of 100 in protobuf
where nothing else is said. What stands in the way of those that are missed is told by
[decision 10](../decisions/0010-the-main-path.md)."""


def table(lines: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; the first line is its heading, the first column text."""
    heading, *rest = [list(line) for line in lines]
    rule = ["---", *("---:" for _ in heading[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heading, rule, *rest))


def machine(contents: dict[str, Content]) -> str:
    """Return the section about the machine."""
    found = contents["side_by_side"]["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    loads = ", ".join(f"`{name}.py` {content['machine']['load_average']:.1f}" for name, content in contents.items())
    lines = [
        ("", ""),
        ("processor", f"{found['processors']} x {found['processor']}"),
        ("memory", f"{found['memory_gib']} GiB"),
        ("system", found["system"]),
        ("Python", found["python"]),
        ("packages", packages),
        ("writing and syncing 64 KiB", f"{found['sync_us']} us, where temporary files are"),
        ("load average at the end", loads),
        ("date", ", ".join(sorted({content["date"] for content in contents.values()}))),
    ]
    text = "".join(f"| {name} | {value} |\n" for name, value in lines[1:])
    return f"## Machine\n\n| | |\n|---|---|\n{text}"


def startup(results: Content) -> str:
    """Return the tables of `startup.py`."""
    times: dict[str, list[float]] = results["milliseconds"]
    bare = statistics.median(next(iter(times.values())))
    lines = [["", "ms", "ratio", "least", "most"]]
    for name, values in times.items():
        median = statistics.median(values)
        figures = (f"{median:.1f}", f"{median / bare:.1f}", f"{min(values):.1f}", f"{max(values):.1f}")
        lines.append([f"`{name}`" if name.startswith(("python", "beacon")) else name, *figures])
    return f"""Start and stop with the quickstart's pipeline: medians of {results["rounds"]} rounds in turns.
The ratio is to a bare interpreter. The queue is empty when Beacon is stopped.

{table(lines)}"""


def stages(results: Content) -> str:
    """Return the tables of `stages.py`."""
    found: dict[str, dict[str, dict[str, float]]] = results["stages"]
    text = f"""Each stage alone, in one process, with the project's own code: microseconds of processor time an event,
best and median of {results["rounds"]} rounds, the ratio of the best to that of the first line, and the median of the
wall time, which includes waiting for the disk. A batch passes the stages in this order, so `sanitize` sees what
`canonicalize` has made. Under load, requests that arrive together share a commit; here each batch has its own.
"""
    for size in next(iter(found.values())):
        first = next(iter(found.values()))[size]["best"]
        lines = [[f"us an event, batches of {size}", "best", "median", "ratio", "wall"]]
        for stage, by_size in found.items():
            cost = by_size[size]
            figures = (cost["best"], cost["median"], cost["best"] / first, cost["wall_median"])
            lines.append([stage, *(f"{figure:.2f}" for figure in figures)])
        text += f"\n{table(lines)}"
    return text


def side_by_side(results: Content) -> str:
    """Return the tables of `side_by_side.py`."""
    text = """OTLP/HTTP in, sanitized, synced to disk before the acknowledgement, out to a counting sink that answers as
Splunk HEC does. Load, sink and subject are processes of the same machine. Medians; in parentheses the median of the
ratios to the first subject of the same turn. Events/s is from the first request to the last arrival; CPU and memory are
those of all processes of a subject, memory as seen ten times a second; p99 is that of the acknowledgement; start is
until the first request was accepted; stop is from SIGTERM, sent right after a burst, to the exit; bench is what
load and sink take of the same processors until then; the sink looks into what has come only when nothing comes.

`lost`: acknowledged, never arrived. `leaked`: made-up secrets and home folders that arrived. `readable`: such that lay
readable in the subject's folder, looked for while events waited there and after the end. `refused`: answers other than
an acknowledgement. `duplicates`: arrivals beyond the first. `held`: arrived only after the subject was started again.
The counts are sums.

Any other program can be a subject, by its command line:

```sh
python benchmarks/side_by_side.py --subject 'other:/opt/other --listen 127.0.0.1:{port} --hec {sink} --state {dir}'
```
"""
    if "beacon, pure Python" in results["subjects"]:
        text += """
`beacon` has the extra `fast`; `beacon, pure Python` is the same without `beacon-native`.
"""
    if "floor" in results["subjects"]:
        text += """
`floor` is a bare sketch in Python that stores, syncs and delivers with four patterns for what is removed, and does
nothing else: no configuration, metrics, validation, retry policy or dead letters.
"""
    return f"{text}\n{tables_of_loads(results)}"


def tables_of_loads(results: Content) -> str:
    """Return the tables of one run of `side_by_side.py`."""
    return "\n".join(f"{load['title']}:\n\n{table(rows(load['summaries']))}" for load in results["loads"])


def workers(results: Content) -> str:
    """Return the table of `side_by_side.py --workers`."""
    return f"""The same with `service.workers`: each process keeps to a CPU of its own, so what they are compared with
is one process on one CPU. `beacon` is one process that may use them all, which is what there is without `workers`: its
threads hand the interpreter from one CPU to the other, which costs more or less from run to run. Load and destination
take their share of the same CPUs, which is the column `bench`. Runs are longer than those above, since each ends with
the 0.2 s for which an exporter waits for more, however many processes there are.
[Decision 16](../decisions/0016-worker-processes.md) says how it works.

{tables_of_loads(results)}"""


def queued(results: Content) -> str:
    """Return the table of `queued.py`."""
    lines = [["us an event", "best", "median"]]
    for name, values in results["costs"].items():
        lines.append([name, f"{min(values):.2f}", f"{statistics.median(values):.2f}"])
    return f"""Putting in, taking out from the front and settling, in batches of 100 with a transaction each, with
{results["events"]} events in the queue and with none to speak of, in turns. The ratio is **{results["ratio"]:.2f}**.

{table(lines)}"""


def backlog(results: Content) -> str:
    """Return the tables of `backlog.py`."""
    titles = {
        "load_mib": ("peak under load, MiB", 1),
        "peak_mib": ("peak, MiB", 1),
        "load_per_s": ("accepted/s", 0),
        "all_per_s": ("delivered/s", 0),
        "backlog": ("backlog, events", 0),
        "queue_mib": ("queue file, MiB", 1),
        "missing": ("missing", 0),
        "repeated": ("repeated", 0),
    }
    lines = [["destination", *(title for title, _ in titles.values())]]
    for name, run in results["runs"].items():
        lines.append([name, *(f"{run[key]:.{places}f}" for key, (_, places) in titles.items())])
    return f"""{results["events"]} small events in batches of {results["batch"]}, with the destination up, and
with it down until everything is accepted. Peak memory with it down is **{results["ratio"]:.2f}** times of that with
it up; at most {results["limit"]} MiB are allowed.

{table(lines)}"""


def sanitize(results: Content) -> str:
    """Return the tables of `sanitize.py`."""
    costs: dict[str, list[float]] = results["costs"]
    yardstick = min(next(iter(costs.values())))
    lines = [["us an event", "best", "median", "ratio"]]
    for name, values in costs.items():
        shown = f"- {name.strip()}" if name.startswith(" ") else name
        figures = (f"{min(values):.2f}", f"{statistics.median(values):.2f}", f"{min(values) / yardstick:.1f}")
        lines.append([shown, *figures])
    return f"""`sanitize` on events as they come from the decoder, in batches of {results["batch"]},
with {results["rules"]} rules: processor time in all, each batch right after it was decoded, as in `beacon run`; and by
share, on batches that had to wait for the others.
The yardstick is what gathering the distinct values of
all attributes costs; ratios are those of the best of {results["rounds"]} rounds to it.
[Decision 9](../decisions/0009-what-sanitize-costs.md) says why it is what it is.

{table(lines)}"""


def ci(results: Content) -> str:
    """Return the table of `ci.py`."""
    text, lines = waiting.ci(results)
    return f"{text}\n\n{table(lines)}"


def track(results: Content) -> str:
    """Return the table of `track.py`."""
    text, lines = waiting.track(results)
    return f"{text}\n\n{table(lines)}"


#: The benchmarks, in the order of the page.
SECTIONS: dict[str, tuple[str, Callable[[Content], str]]] = {
    "side_by_side": ("Side by side", side_by_side),
    "small": ("Small requests", tables_of_loads),
    "workers": ("Several processes", workers),
    "stages": ("Stages", stages),
    "startup": ("Start and stop", startup),
    "ci": ("In a CI job", ci),
    "track": ("Commands that report about themselves", track),
    "backlog": ("Memory over a long backlog", backlog),
    "queued": ("A long queue", queued),
    "sanitize": ("Sanitize", sanitize),
}


def page(contents: dict[str, Content]) -> str:
    """Return the page."""
    parts = [_INTRODUCTION, f"{_TARGETS}\n\n{table(targets.table(contents))}", machine(contents)]
    for name, (title, section) in SECTIONS.items():
        content = contents[name]
        parts.append(f"## {title}\n\n`{content['command']}`\n\n{section(content['results'])}")
    return "\n\n".join(map(filled, re.split(r"\n{2,}", "\n".join(parts).strip()))) + "\n"


def filled(paragraph: str) -> str:
    """Return a paragraph in lines of about the same length; tables, code and headings as they are."""
    if paragraph.startswith(("|", "#", "`python", "```", "<")):
        return paragraph
    return textwrap.fill(paragraph, 128, break_on_hyphens=False)


def main() -> None:
    """Read the results and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with the JSON files of all benchmarks")
    parser.add_argument("--page", type=Path, default=PAGE, help="default: %(default)s")
    options = parser.parse_args()
    contents = {name: json.loads((options.folder / f"{name}.json").read_text()) for name in SECTIONS}
    options.page.write_text(page(contents), encoding="utf-8")
    print(options.page)


if __name__ == "__main__":
    main()

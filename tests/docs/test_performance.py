"""The page of figures is there, written by the benchmarks, with a section of each."""

from __future__ import annotations

import re
from pathlib import Path


def test_the_page_of_figures_has_every_benchmark_that_make_bench_runs(root: Path) -> None:
    page = (root / "docs" / "reference" / "performance.md").read_text(encoding="utf-8")
    names = set(re.findall(r"benchmarks/(\w+)\.py", (root / "Makefile").read_text()))
    assert names >= {"startup", "stages", "side_by_side", "backlog", "sanitize", "report"}
    assert {name for name in names if f"benchmarks/{name}.py" not in page} == set()
    assert "ratios are what to compare" in page

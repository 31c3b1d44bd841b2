"""The short form of the crash harness, and proof that it would notice."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.crash.__main__ import summary
from tests.e2e.crash.campaign import PHASES, Campaign
from tests.e2e.crash.verdict import lost_names, violations

KILLS = 12


def test_p1_p3_p4_twelve_kills_in_three_phases_lose_nothing_and_every_receipt_is_true(tmp_path: Path) -> None:
    evidence = Campaign(tmp_path, "20261120").run(KILLS)
    assert violations(evidence) == [], summary(evidence)
    assert evidence.kills >= KILLS
    assert {run.phase for run in evidence.runs if run.killed} == set(PHASES)
    assert len(evidence.acknowledged) > 1000
    assert evidence.runs[-1].receipt is not None


def test_p1_p3_p4_kills_of_a_run_with_two_worker_processes_lose_nothing(tmp_path: Path) -> None:
    evidence = Campaign(tmp_path, "two workers", workers=2).run(KILLS // 2)
    assert violations(evidence) == [], summary(evidence)
    assert len(evidence.acknowledged) > 100
    assert evidence.runs[-1].receipt is not None


def test_the_harness_notices_a_queue_that_forgets(tmp_path: Path) -> None:
    evidence = Campaign(tmp_path, "forgetful", queue="{type: memory}").run(3)
    assert all(lost_names(evidence, exporter) for exporter in ("file", "splunk_hec"))
    assert any("acknowledged records are lost" in sentence for sentence in violations(evidence))

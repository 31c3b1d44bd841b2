"""Judges a crash campaign: pure functions from evidence to sentences about what went wrong."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from tests.e2e.crash.evidence import POISON, Evidence, RunRecord, position

_SHOWN = 5  # examples in a sentence


def violations(evidence: Evidence) -> list[str]:
    """Return everything that must not have happened; empty if every promise was kept."""
    found = [f"destination: {fault}" for fault in evidence.faults]
    for run in evidence.runs:
        found += [f"run {run.number} ({run.phase}): {problem}" for problem in run.problems]
        found += [f"queue after run {run.number} ({run.phase}): {problem}" for problem in run.after.problems]
        if run.receipt is not None:
            found += [f"receipt of run {run.number} ({run.phase}): {wrong}" for wrong in wrong_receipt(run, evidence)]
    for before, after in pairwise(evidence.runs):
        found += broken_chain(before, after)
    for exporter in evidence.arrivals:
        found += [f"{exporter}: {wrong}" for wrong in wrong_deliveries(evidence, exporter)]
    return found


def wrong_deliveries(evidence: Evidence, exporter: str) -> list[str]:
    """Return what is wrong with what one exporter delivered."""
    return [
        *lost(evidence, exporter),
        *repeated(evidence, exporter),
        *out_of_order(evidence, exporter),
        *wrong_dead_letters(evidence, exporter),
    ]


# ---- promise P1: nothing acknowledged is lost ----


def lost_names(evidence: Evidence, exporter: str) -> list[str]:
    """Return acknowledged records that neither arrived nor are in the dead letters."""
    arrived = {arrival.name for arrival in evidence.arrivals[exporter]}
    dead = {name for _, name in _dead(evidence, exporter)}
    return [name for name in evidence.acknowledged if name not in arrived and name not in dead]


def lost(evidence: Evidence, exporter: str) -> list[str]:
    """Return a sentence about acknowledged records that were lost, and one about torn lines that did not come again."""
    missing = lost_names(evidence, exporter)
    ids = {arrival.id for arrival in evidence.arrivals[exporter]}
    torn = [event for event in evidence.torn.get(exporter, []) if event and event not in ids]
    return [
        *([f"{len(missing)} acknowledged records are lost: {_some(missing)}"] if missing else []),
        *([f"{len(torn)} torn lines did not arrive again: {_some(torn)}"] if torn else []),
    ]


# ---- promise P4: at least once, and more than once only where something was interrupted ----


def duplicates(evidence: Evidence, exporter: str) -> tuple[Counter[int], int, list[str]]:
    """Return repeated arrivals.

    Returns:
        By run: how many came that an earlier run had delivered. How many came again because the destination had not
        confirmed them. Ids that came again although the same run had a confirmation.
    """
    by_run: Counter[int] = Counter()
    excused, unexplained = 0, []
    last_run: dict[str, int] = {}
    unconfirmed: Counter[str] = Counter()
    for arrival in evidence.arrivals[exporter]:
        if arrival.id in last_run:
            if unconfirmed[arrival.id]:
                unconfirmed[arrival.id] -= 1
                excused += 1
            elif arrival.run == last_run[arrival.id] and arrival.run >= 0:
                unexplained.append(arrival.id)
            else:
                by_run[arrival.run] += 1
        last_run[arrival.id] = arrival.run
        if not arrival.confirmed:
            unconfirmed[arrival.id] += 1
    return by_run, excused, unexplained


def interruptions(evidence: Evidence) -> int:
    """Return how often an attempt may have been cut off: by a kill, or by the end of a drain that left something."""
    return evidence.kills + sum(any(_queued(run).values()) for run in evidence.runs if run.receipt is not None)


def repeated(evidence: Evidence, exporter: str) -> list[str]:
    """Return sentences about events that came more often than interruptions explain."""
    by_run, _, unexplained = duplicates(evidence, exporter)
    found = []
    if unexplained:
        found.append(f"{len(unexplained)} events came again in one run although confirmed: {_some(unexplained)}")
    for run, count in by_run.items():
        if run >= 0 and count > evidence.attempt:
            found.append(f"run {run} repeated {count} events, more than one attempt of {evidence.attempt}")
    most = evidence.attempt * interruptions(evidence)
    if by_run.total() > most:
        found.append(f"{by_run.total()} duplicates, more than {most} for {interruptions(evidence)} interruptions")
    return found


def out_of_order(evidence: Evidence, exporter: str) -> list[str]:
    """Return a sentence about records that overtook an earlier one of the same client, at their first arrival."""
    if not evidence.ordered:
        return []
    latest: dict[str, tuple[int, int]] = {}
    seen: set[str] = set()
    overtaken = []
    for arrival in evidence.arrivals[exporter]:
        if arrival.id in seen:
            continue
        seen.add(arrival.id)
        client, *place = position(arrival.name)
        if tuple(place) < latest.get(client, (-1, -1)):
            overtaken.append(arrival.name)
        latest[client] = (place[0], place[1])
    return [f"{len(overtaken)} records were overtaken by later ones: {_some(overtaken)}"] if overtaken else []


def wrong_dead_letters(evidence: Evidence, exporter: str) -> list[str]:
    """Return sentences about dead letters: poison has to be there, once each, and nothing else."""
    dead = _dead(evidence, exporter)
    twice = [event for event, count in Counter(event for event, _ in dead).items() if count > 1]
    wrong = [name for _, name in dead if not name.endswith(POISON)]
    return [
        *([f"{len(twice)} events are in the dead letters twice: {_some(twice)}"] if twice else []),
        *([f"{len(wrong)} dead letters that nothing is wrong with: {_some(wrong)}"] if wrong else []),
    ]


# ---- promise P3: receipts ----


def wrong_receipt(run: RunRecord, evidence: Evidence) -> list[str]:
    """Return what a receipt says that does not add up, or is not what was seen from outside."""
    receipt = run.receipt or {}
    found = [] if receipt.get("balanced") else ["says itself that it does not balance"]
    for exporter, line in receipt.get("exporters", {}).items():
        gone = line["delivered"] + line["filtered"] + sum(line["dropped"].values()) + line["dead_lettered"]
        if line["carried_over"] + line["accepted"] != gone + line["queued"]:
            found.append(f"{exporter} does not balance: {line}")
        if line["carried_over"] != run.before.queued[exporter]:
            found.append(f"{exporter}: carried over {line['carried_over']}, queued were {run.before.queued[exporter]}")
        if line["queued"] != run.after.queued[exporter]:
            found.append(f"{exporter}: says queued {line['queued']}, the file has {run.after.queued[exporter]}")
        if line["dropped"]:
            found.append(f"{exporter}: dropped {line['dropped']}")
        found += _wrong_delivered(run, evidence, exporter, line)
    taken = receipt.get("received", 0) + receipt.get("deduplicated", 0)
    if taken < run.acknowledged:
        found.append(f"took {taken} records, but {run.acknowledged} were acknowledged")
    return found


def _wrong_delivered(run: RunRecord, evidence: Evidence, exporter: str, line: dict[str, int]) -> list[str]:
    """Compare `delivered` with the destination's own count, where that tells the runs apart."""
    arrivals = evidence.arrivals.get(exporter, [])
    if any(arrival.run < 0 for arrival in arrivals):
        return []
    arrived = len({arrival.id for arrival in arrivals if arrival.run == run.number})
    unsure = line["queued"] > 0  # the last attempt may have been cut off after the destination had it
    if line["delivered"] > arrived or (not unsure and line["delivered"] != arrived):
        return [f"{exporter}: says delivered {line['delivered']}, {arrived} arrived"]
    return []


def broken_chain(before: RunRecord, after: RunRecord) -> list[str]:
    """Return sentences about two runs in a row whose receipts do not continue each other."""
    if before.receipt is None or after.receipt is None:
        return []
    left, carried = _queued(before), {n: line["carried_over"] for n, line in after.receipt["exporters"].items()}
    if left == carried:
        return []
    return [f"run {before.number} left {left} queued, run {after.number} carried {carried} over"]


def _queued(run: RunRecord) -> dict[str, int]:
    return {name: line["queued"] for name, line in (run.receipt or {}).get("exporters", {}).items()}


def _dead(evidence: Evidence, exporter: str) -> list[tuple[str, str]]:
    return evidence.runs[-1].after.dead.get(exporter, []) if evidence.runs else []


def _some(items: list[str]) -> str:
    return ", ".join(items[:_SHOWN]) + (", ..." if len(items) > _SHOWN else "")

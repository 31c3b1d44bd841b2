"""Ten thousand events on a bad day: only the bad ones are put aside, the rest arrives, what was doubtful is counted."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field

import pytest

from beacon_core import Batch
from beacon_core.testing import Request, Step, make_batch, make_event
from plugins.datadog.tests.datadog_server import DatadogServer, answer, names_in
from tests.pipeline_run import Run

KEY = "FAKE" * 8
COUNT, EACH = 10_000, 200
POISON, TOO_LARGE, CUT = "many-1234", "many-5555", "many-7777"
BAD = {POISON, TOO_LARGE}
LIMIT = 100_000  # compressed bytes that a proxy lets through


def events() -> Batch:
    """Return events of which one is too large for the proxy, and one is so long that it is cut."""
    changed = {
        TOO_LARGE: make_event(5555, id=TOO_LARGE, body=random.Random(1).randbytes(200_000).hex()),
        CUT: make_event(7777, id=CUT, body="x" * 1_500_000),
    }
    batch = make_batch(COUNT, id="many")
    return batch.with_events([changed.get(event.id, event) for event in batch])


@dataclass
class BadDay:
    """What goes wrong, by the number of the request that a proxy lets through.

    Attributes:
        doubtful: events of requests that were stored, or may have been, and were not answered; as often as each.
    """

    intake: DatadogServer
    number: int = 0
    doubtful: Counter[str] = field(default_factory=Counter)
    restarted: threading.Thread | None = None

    def __call__(self, request: Request) -> Step | None:
        if int(request.headers["content-length"]) > LIMIT:
            return answer(413)
        self.number += 1
        match self.number:
            case 3:
                return Step(status=429, headers={"Retry-After": "0"})
            case 8 | 9:
                return answer(429)
            case 12:  # nothing of it was stored, which the client cannot know
                self.doubt(request)
                return Step(fault="reset")
            case 16:
                self.intake.losing.append(self.lose_answer)
            case 25:
                self.intake.losing.append(self.go_away)
            case 40:
                self.doubt(request)
                return answer(503)
        return None

    def lose_answer(self, request: Request) -> Step:
        """Reset the connection after a request that was stored."""
        self.doubt(request)
        return Step(fault="reset")

    def go_away(self, request: Request) -> Step:
        """Restart the server after a request was stored and before it is answered."""
        self.doubt(request)
        self.restarted = threading.Thread(target=self.intake.restart)
        self.restarted.start()
        return Step(fault="hang")

    def doubt(self, request: Request) -> None:
        self.doubtful.update(names_in(request))


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("key", [KEY, "pub" + KEY], ids=["API key", "client token"])
def test_p3_p4_only_the_bad_events_are_put_aside_and_only_what_was_doubtful_comes_twice(
    intake: DatadogServer, run: Run, key: str, in_flight: int
) -> None:
    intake.key = key
    intake.mood = day = BadDay(intake)
    intake.poison = lambda entry: entry["beacon_id"] == POISON
    outcome = run(events(), each=EACH, batch={"max_events": EACH, "max_bytes": "8MiB"}, max_in_flight=in_flight)
    assert day.restarted is not None
    day.restarted.join()
    doubted = outcome.figures["possibly_duplicated"]
    assert outcome.balanced
    assert outcome.dead.keys() == BAD
    assert outcome.figures == {
        "accepted": COUNT,
        "delivered": COUNT - len(BAD),
        "dead_lettered": len(BAD),
        "possibly_duplicated": doubted,
    }
    arrived = Counter(intake.ids)
    assert arrived.keys() == {event.id for event in make_batch(COUNT, id="many")} - BAD
    assert 0 < arrived.total() - len(arrived) <= doubted
    if in_flight == 1:  # more may be under way when the server goes away, and nobody knows how many
        assert {event_id for event_id, count in arrived.items() if count > 1} < day.doubtful.keys()
    assert doubted >= day.doubtful.total()  # what the server never read when it went away is doubtful, too
    assert [entry["beacon_id"] for entry in intake.logs if "beacon.truncated" in entry] == [CUT]

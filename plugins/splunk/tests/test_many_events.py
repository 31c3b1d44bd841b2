"""Ten thousand events and everything that goes wrong on a bad day: exactly the bad ones are put aside."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from beacon_core import Batch
from beacon_core.testing import Request, Step, make_batch
from plugins.splunk.tests.hec_rules import parse
from plugins.splunk.tests.hec_server import HTML, HecServer, reply
from tests.pipeline_run import Run

TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
COUNT, EACH = 10_000, 200
POISON, LARGE = "many-1234", "many-7777"
BAD = {POISON, LARGE}


def events() -> Batch:
    batch = make_batch(COUNT, id="many")
    return batch.with_events(
        [msgspec.structs.replace(event, body="x" * 200_000) if event.id == LARGE else event for event in batch]
    )


@dataclass
class BadDay:
    """What goes wrong, by the number of the request with events.

    Attributes:
        doubtful: events of requests that were stored, or may have been, and were not answered; as often as each.
    """

    hec: HecServer
    number: int = 0
    doubtful: Counter[str] = field(default_factory=Counter)
    restarted: threading.Thread | None = None

    def __call__(self, request: Request) -> Step | None:
        self.number += 1
        match self.number:
            case 3:
                return replace(reply(9, status=503), headers={"Retry-After": "0"})
            case 8 | 9:
                return Step(status=429, body=HTML)
            case 12:  # nothing of it was stored, which the client cannot know
                self.doubt(request)
                return Step(fault="reset")
            case 16:  # stored, and the answer is lost
                self.doubt(request)
                self.hec.losing = [Step(fault="reset")]
            case 25:  # stored, and the server goes away before it answers
                self.doubt(request)
                self.hec.losing = [Step(fault="hang")]
                self.restarted = threading.Thread(target=self.hec.restart)
                self.restarted.start()
            case 40:
                self.doubt(request)
                return Step(status=500, body=HTML)
        return None

    def doubt(self, request: Request) -> None:
        self.doubtful.update(value["fields"]["beacon_id"] for value in parse(request.body)[0])


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("acks", [False, True], ids=["accepted", "acknowledged"])
def test_p3_p4_only_the_bad_events_are_put_aside_and_only_what_was_doubtful_comes_twice(
    hec: HecServer, run: Run, acks: bool, in_flight: int
) -> None:
    day = BadDay(hec)
    hec.mood, hec.acks = day, acks
    hec.poison = lambda value: 6 if value["fields"]["beacon_id"] == POISON else 0
    outcome = run(
        events(),
        each=EACH,
        max_event_size=100_000,
        batch={"max_events": EACH, "max_bytes": "8MiB"},
        acknowledgements={"query_interval": "1ms", "timeout": "2s"},
        max_in_flight=in_flight,
    )
    assert day.restarted is not None
    day.restarted.join()
    doubted = outcome.figures["possibly_duplicated"]
    assert outcome.balanced
    assert outcome.dead.keys() == BAD
    assert outcome.figures == {
        "accepted": COUNT,
        "delivered": COUNT - 2,
        "dead_lettered": 2,
        "possibly_duplicated": doubted,
    }
    arrived = Counter(hec.ids)
    assert arrived.keys() == {event.id for event in make_batch(COUNT, id="many")} - BAD
    assert 0 < arrived.total() - len(arrived) <= doubted
    if in_flight == 1:  # more may be under way when the server goes away, and nobody knows how many
        assert {key for key, count in arrived.items() if count > 1} < day.doubtful.keys()
    assert doubted >= day.doubtful.total()  # the one that the server that went away never read is doubtful, too

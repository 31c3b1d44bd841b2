"""Names of hosts and people that events bring along."""

from __future__ import annotations

from typing import Any

import pytest

from beacon_core import Event, Host
from beacon_core.processors.fingerprint import FingerprintConfig, FingerprintProcessor
from beacon_core.testing import make_batch

HOST = {"host.name": "build-7"}
PEOPLE = {"user.name": "alice", "user.email": "alice@acme.example", "process.owner": "alice"}
OTHER = {"service.name": "gemini-cli", "host.id": "h1", "user.id": "u1"}


def started(**options: Any) -> FingerprintProcessor:
    processor = FingerprintProcessor(FingerprintConfig(**options))
    processor.start(Host("fingerprint"))
    return processor


def one(processor: FingerprintProcessor, **members: Any) -> Event:
    once = processor.process(make_batch(1, **members))
    assert processor.process(once) == once
    (event,) = once
    return event


def test_they_are_removed_from_resource_and_attributes_whoever_sends_them() -> None:
    given = HOST | PEOPLE | OTHER
    event = one(started(), resource=given, attributes=dict(given))
    assert event.attributes == OTHER
    assert event.resource.items() >= OTHER.items()
    assert not {*HOST, *PEOPLE} & event.resource.keys()


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"host_name": True}, HOST),
        ({"user_name": True}, PEOPLE),
        ({"keep_names": True}, HOST | PEOPLE),
        ({"fields": {"include": ["user.email"]}}, {"user.email": "alice@acme.example"}),
        ({"user_name": True, "fields": {"exclude": ["user.*"]}}, {"process.owner": "alice"}),
    ],
)
def test_they_stay_where_they_are_switched_on(options: dict[str, Any], kept: dict[str, str]) -> None:
    given = HOST | PEOPLE
    event = one(started(**options), resource=given, attributes=dict(given))
    assert event.attributes == kept
    assert {name: value for name, value in event.resource.items() if name in given} == kept


def test_a_resource_whose_only_word_about_its_host_is_removed_is_told_of_this_one() -> None:
    named = one(started(), resource=dict(HOST)).resource
    assert named["host.arch"] == one(started(), resource={}).resource["host.arch"]
    assert "host.arch" not in one(started(), resource=HOST | {"host.id": "h1"}).resource


def test_what_came_in_is_left_as_it_was_and_what_has_no_names_is_not_copied() -> None:
    resource, attributes = dict(HOST), dict(PEOPLE)
    one(started(), resource=resource, attributes=attributes)
    assert (resource, attributes) == (HOST, PEOPLE)
    batch = make_batch(1, attributes={"a": 1})
    (event,) = started().process(batch)
    assert event.attributes is batch.events[0].attributes


def test_a_row_of_the_user_can_say_what_a_run_does(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tmp_path / "providers.yaml"
    rows.write_text("providers:\n  - {id: acme, when: [ACME], fields: {cicd.pipeline.action.name: [{text: BUILD}]}}\n")
    monkeypatch.setenv("ACME", "1")
    monkeypatch.delenv("CI", raising=False)
    assert one(started(providers=[rows])).resource["cicd.pipeline.action.name"] == "BUILD"

"""Files of the file exporter in OTLP/JSON, read again by Beacon itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from beacon_core import Event, Host
from beacon_core.plugins import load
from beacon_core.receivers.lines import FileInputReceiver
from beacon_core.testing import ListConsumer, make_samples
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter


def shown(event: Event) -> str:
    """Return an event as text, without its id and without what OTLP says of every summary."""
    replace = msgspec.structs.replace
    metric = replace(event.metric, temporality="unspecified") if event.metric else None
    return repr(replace(event, id="", metric=metric))


@pytest.mark.parametrize("name", ["out.jsonl", "{service.name}/{signal}.jsonl"])
def test_what_the_file_exporter_wrote_as_otlp_json_comes_in_as_the_same_events(tmp_path: Path, name: str) -> None:
    exporter = FileExporter(FileConfig(path=str(tmp_path / name), format="otlp_json"))
    exporter.start(Host("file"))
    batch = make_samples(count=10, value={"a": [1, None, b"raw", float("nan")]})
    exporter.export(batch)
    exporter.shutdown(1)
    consumer = ListConsumer()
    options = load("receivers", "file_input").config_class.model_validate(
        {"include": [str(tmp_path / "**" / "*.jsonl")]}
    )
    receiver = FileInputReceiver(options)
    receiver.start(Host("file_input"))
    receiver.run(consumer)
    receiver.shutdown(1)
    assert Counter(map(shown, consumer.events)) == Counter(map(shown, batch))

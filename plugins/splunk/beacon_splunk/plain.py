"""Logs that hold nothing unusual, which `beacon-native` writes: nearly all, in a third of the time.

The bytes are those that `encoding` gives, which also says why they are such.
"""

from __future__ import annotations

from collections.abc import Mapping

from beacon_core import JsonForm, json_form
from beacon_splunk.fields import Fields, field_name, to_json
from beacon_splunk.layout import Layout


def plain_form(layout: Layout, members: Mapping[str, str], fields: Fields) -> JsonForm | None:
    """Return what writes the plain logs of one resource; None if it has some, or `beacon-native` is not there.

    Args:
        layout: how objects are to look.
        members: of the envelope, but the time.
        fields: of the resource.
    """
    own = {
        "beacon_id": ("text", "id"),
        layout.severity_text: ("text", "severity_text"),
        layout.severity_number: ("digits", "severity_number"),
        layout.name: ("text", "name"),
        "trace_id": ("text", "trace_id"),
        "span_id": ("text", "span_id"),
    }
    if len(own) < 6 or not own.keys().isdisjoint(fields):  # noqa: PLR2004 - names that are configured twice
        return None
    try:
        shared, resource = _inside(members), _inside(fields)
    except UnicodeEncodeError:
        return None
    return json_form(
        [
            b"{",
            ("absent", "", "metric"),
            ("absent", "", "span"),
            ("seconds", "time", "time_unix_nano"),
            b"," + shared if shared else b"",
            ("content", "event", "body", "name"),
            b',"fields":{' + resource,
            ("flat", "", "attributes"),
            *((kind, name, member) for name, (kind, member) in own.items()),
            b"}}",
        ],
        lambda name: "" if name in layout.members else field_name(name),
        {*own, *fields},
    )


def _inside(members: Mapping[str, object]) -> bytes:
    """Return members as they stand in an object."""
    return to_json(members)[1:-1]

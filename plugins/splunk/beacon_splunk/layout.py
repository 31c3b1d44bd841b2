"""What the options say about HEC objects: where the members of the envelope come from, how fields are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from beacon_splunk.config import SplunkHecConfig
from beacon_splunk.templates import Template

#: Members of the envelope that an event or an option gives, in their order.
MEMBERS = ("host", "source", "sourcetype", "index")
#: The token of a record, as the Collector knows it; not used, and never shown.
_TOKEN = "com.splunk.hec.access_token"  # noqa: S105 - the name of an attribute


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the options give an event that does not say itself.

    Attributes:
        constants: by member.
        templates: by member; filled for each event.
    """

    constants: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """How events become objects; made once, for all threads.

    Attributes:
        members: the member that an attribute gives, by the attribute's name; empty for what is left out.
        events: for logs and spans.
        metrics: for metric points.
        severity_text: field of a log's severity in words; `severity_number` and `name` likewise.
        multi_metric: several measurements may stand in one object.
    """

    members: Mapping[str, str]
    events: Metadata
    metrics: Metadata
    severity_text: str
    severity_number: str
    name: str
    multi_metric: bool


def layout_of(config: SplunkHecConfig) -> Layout:
    """Return the layout that the options ask for."""
    names = config.otel_attrs_to_hec_metadata
    fields = config.otel_to_hec_fields
    given = {member: getattr(config, member) for member in MEMBERS}
    of_metrics = {member: getattr(config.metrics, member, None) or given[member] for member in MEMBERS}
    return Layout(
        members={_TOKEN: ""} | {getattr(names, member): member for member in MEMBERS},
        events=_metadata(given),
        metrics=_metadata(of_metrics),
        severity_text=fields.severity_text,
        severity_number=fields.severity_number,
        name=fields.name,
        multi_metric=config.use_multi_metric_format,
    )


def _metadata(given: Mapping[str, str | None]) -> Metadata:
    templates = {member: Template(pattern) for member, pattern in given.items() if pattern}
    constants = {member: constant for member, each in templates.items() if (constant := each.constant)}
    return Metadata(constants, {member: each for member, each in templates.items() if member not in constants})

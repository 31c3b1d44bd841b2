"""What HEC makes of a request, and what Beacon demands of its own requests beyond that.

Sources: Splunk, "Format events for HTTP Event Collector", "Get metrics in from other sources", and what was measured on
Splunk Enterprise 10.4 and Splunk Cloud 10.5; the rules of Beacon's own are in `house_rules`.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

KEYS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
CLOUD_LIMIT = 5_242_881
TEXTS = {
    0: "Success",
    2: "Token is required",
    3: "Invalid authorization",
    4: "Invalid token",
    5: "No data",
    6: "Invalid data format",
    7: "Incorrect index",
    10: "Data channel is missing",
    11: "Invalid data channel",
    12: "Event field is required",
    13: "Event field cannot be blank",
    14: "ACK is disabled",
    15: "Error in handling indexed fields",
}
STATUSES = {0: 200, 2: 401, 3: 401, 4: 403}

_DECIMAL = re.compile(r"\d+(\.\d+)?")
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_.:]*")
_MEASUREMENT = "metric_name:"

Object = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """A code, and the number of the object that has it; of a wrong index the number of the object after it."""

    code: int
    number: int


class _Number(str):
    """A JSON number as it was written, so that its form can be judged."""

    __slots__ = ()


def parse(body: bytes) -> tuple[list[Object], Refusal | None]:
    """Return the objects of a body up to the first that is no JSON object."""
    decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    text, place, found = body.decode(errors="replace"), 0, []
    while text[place:].strip():
        place = len(text) - len(text[place:].lstrip())
        try:
            value, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError:
            return found, Refusal(6, len(found))
        if not isinstance(value, dict):
            return found, Refusal(6, len(found))
        found.append(value)
    return found, None


def code_of(value: Object) -> int:
    """Return the code that an object is refused with, 0 if it is taken."""
    if "fields" in value and (code := _code_of_fields(value["fields"])):
        return code
    if "time" in value and not _DECIMAL.fullmatch(str(value["time"])):
        return 15
    if value.get("event") is None and ("event" in value or "fields" not in value):
        return 12
    return 13 if value.get("event") == "" else 0


def is_skipped(value: Object) -> bool:
    """Say whether an object is taken and nowhere to be found: neither an event nor a measurement."""
    return "event" not in value and not any(name.startswith("metric_name") for name in value["fields"])


def _code_of_fields(fields: object) -> int:
    if not isinstance(fields, dict):
        return 6
    for name, content in fields.items():
        flat = content if isinstance(content, list) else [content]
        if any(isinstance(each, dict | list) for each in flat) or name.startswith("_") or name in KEYS - {"event"}:
            return 15
        if name.startswith(_MEASUREMENT) and not _is_finite(content):
            return 15
    return 0


def _is_finite(content: object) -> bool:
    try:
        return math.isfinite(float(Decimal(str(content))))
    except ArithmeticError:
        return False


def plain(value: Any) -> Any:
    """Return a parsed value with numbers as numbers."""
    if isinstance(value, _Number):
        return json.loads(value)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


# ---- what Beacon demands of itself ----


def house_rules(headers: Mapping[str, str], objects: Collection[Object]) -> list[str]:
    """Return what is wrong with a request that Splunk might take all the same."""
    faults = [] if objects else ["no object"]
    if headers.get("content-type") != "application/json":
        faults.append("content-type")
    if headers.get("content-encoding", "gzip") != "gzip":
        faults.append("content-encoding")
    if not headers.get("user-agent", "").startswith("beacon/"):
        faults.append("user-agent")
    channel = guid(headers.get("x-splunk-request-channel", ""))
    if channel is None or channel.version != 4:  # random
        faults.append("channel")
    if len({value.get("index") for value in objects}) > 1:
        faults.append("several indexes in one request")
    return faults + [f"{fault}: {value}" for value in objects for fault in _faults_of(value)]


def guid(text: str) -> uuid.UUID | None:
    """Return the GUID that a text is, None if it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _faults_of(value: Object) -> list[str]:
    faults = ["unknown key"] if set(value) - KEYS else []
    if not re.fullmatch(r"\d+\.\d{9}", str(value.get("time"))) or isinstance(value.get("time"), _Number):
        faults.append("time")
    if value.get("event") in (None, "") or code_of(value):
        faults.append("event")
    faults += [f"{name}" for name in ("host", "source", "sourcetype", "index") if value.get(name, "-") in (None, "")]
    fields = value.get("fields")
    if not isinstance(fields, dict) or not isinstance(fields.get("beacon_id"), str):
        return [*faults, "beacon_id"]
    return faults + [f"field {name}" for name, content in fields.items() if not _is_good_field(name, content)]


def _is_good_field(name: str, content: object) -> bool:
    if name.startswith(_MEASUREMENT):
        metric = name.removeprefix(_MEASUREMENT)
        good = _METRIC.fullmatch(metric) and "metric_name" not in metric
        return bool(good) and isinstance(content, _Number) and "e" not in content.lower()
    texts = content if isinstance(content, list) else [content]
    return all(isinstance(each, str) and not isinstance(each, _Number) for each in texts)

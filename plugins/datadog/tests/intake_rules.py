"""What Datadog's intakes make of a request, and what Beacon demands of its own requests beyond that.

Sources: Datadog API reference, "Send logs", "Submit metrics" (v2) and "Submit distribution points" (v1); "Log
collection", "Attributes and aliasing"; for the browser intake the source of Datadog's browser library. Beacon's own
rules are in `house_rules` and `head_rules`.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from typing import Any

MAX_BODY = 5_000_000
MAX_ENTRY = 1_000_000
MAX_ENTRIES = 1000
MAX_METRICS, MAX_METRICS_INFLATED = 512_000, 5_242_880
CODINGS = {"logs": {"gzip", "deflate", "identity"}, "series": {"gzip", "deflate", "identity"}, "points": {"deflate"}}
BROWSER_SOURCES = {"browser", "flutter", "unity"}
BROWSER_QUERY = {"ddsource", "dd-api-key", "dd-evp-origin", "dd-evp-origin-version", "dd-request-id"}
TIME_NAMES = {"timestamp", "date", "_timestamp", "Timestamp", "eventTime", "published_date"}

_KINDS = {0, 1, 2, 3}
_TEXTS = ("ddsource", "ddtags", "hostname", "host", "service", "message")
_STATUSES = {"trace", "debug", "info", "warn", "error", "fatal"}

Entry = dict[str, Any]


# ---- what Datadog refuses ----


def fault_of_logs(value: object) -> str:
    """Return why a body of the logs intake is refused, empty if it is taken."""
    if not isinstance(value, list | dict):
        return "not an array of entries"
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, dict) and isinstance(entry.get("message"), str) for entry in entries):
        return "an entry without a message"
    if not all(isinstance(entry.get(name, ""), str) for entry in entries for name in _TEXTS):
        return "a reserved attribute that is no text"
    return ""


def fault_of_series(value: object) -> str:
    """Return why a body of the series intake is refused, empty if it is taken."""
    series = value.get("series") if isinstance(value, dict) else None
    if not isinstance(series, list) or not series:
        return "no series"
    return next((fault for one in series if (fault := _fault_of_one_series(one))), "")


def _fault_of_one_series(one: Any) -> str:
    if not isinstance(one, dict) or not one.get("metric") or not isinstance(one["metric"], str):
        return "a series without a metric"
    if one.get("type", 0) not in _KINDS or type(one.get("interval", 1)) is not int or one.get("interval", 1) < 1:
        return "type or interval"
    points = one.get("points")
    if not isinstance(points, list) or not all(_is_point(point) for point in points) or not points:
        return "points"
    resources = one.get("resources", [])
    if not all(
        isinstance(each, dict) and {type(each.get("type")), type(each.get("name"))} == {str} for each in resources
    ):
        return "resources"
    return "" if _are_tags(one.get("tags", [])) else "tags"


def _is_point(point: Any) -> bool:
    return isinstance(point, dict) and type(point.get("timestamp")) is int and _is_number(point.get("value"))


def fault_of_distributions(value: object) -> str:
    """Return why a body of the intake of distribution points is refused, empty if it is taken."""
    series = value.get("series") if isinstance(value, dict) else None
    if not isinstance(series, list) or not series:
        return "no series"
    for one in series:
        if (
            not isinstance(one.get("metric"), str)
            or not one["metric"]
            or one.get("type", "distribution") != "distribution"
        ):
            return "metric or type"
        if not isinstance(one.get("host", ""), str) or not _are_tags(one.get("tags", [])):
            return "host or tags"
        for time, values in one.get("points") or [[None, []]]:
            if type(time) not in {int, float} or not isinstance(values, list) or not values:
                return "points"
            if not all(map(_is_number, values)):
                return "values"
    return ""


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]


def _are_tags(tags: object) -> bool:
    return isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)


# ---- what Beacon demands of itself ----


def head_rules(headers: Mapping[str, str], query: Mapping[str, list[str]], key: str) -> list[str]:
    """Return what is wrong with the head of a request."""
    faults = [] if headers.get("user-agent", "").startswith("beacon/") else ["user-agent"]
    if query:
        return faults + _browser_rules(headers, query, key)
    if key.startswith("pub"):
        faults.append("a client token on an intake of API keys")
    if headers.get("dd-evp-origin") != "beacon" or not headers.get("dd-evp-origin-version"):
        faults.append("dd-evp-origin")
    if "dd-protocol" in headers:
        faults.append("dd-protocol")
    return faults


def _browser_rules(headers: Mapping[str, str], query: Mapping[str, list[str]], key: str) -> list[str]:
    faults = [name for name in ("content-type", "content-encoding", "dd-api-key") if name in headers]
    faults += [] if key.startswith("pub") else ["an API key in a URL"]
    faults += [] if query.get("ddsource", [""])[0] in BROWSER_SOURCES else ["ddsource"]
    if set(query) - {"dd-evp-encoding"} != BROWSER_QUERY or any(len(values) != 1 for values in query.values()):
        return [*faults, f"query {sorted(query)}"]
    if query["dd-evp-origin"] != ["browser"] or uuid.UUID(query["dd-request-id"][0]).version != 4:
        faults.append("query")
    return faults


def house_rules(entries: list[Entry], sizes: list[int], size: int) -> list[str]:
    """Return what is wrong with entries that Datadog would take all the same."""
    faults = [f"{fault}: {str(entry)[:200]}" for entry in entries for fault in _faults_of(entry)]
    faults += [f"an entry of {each} bytes" for each in sizes if each > 950_000]
    return faults + ([f"a body of {size} bytes"] if size > 4_000_000 else [])


def _faults_of(entry: Entry) -> list[str]:
    faults = [
        name for name in ("message", "ddsource", "beacon_id") if not isinstance(entry.get(name), str) or not entry[name]
    ]
    if TIME_NAMES & entry.keys() != {"timestamp"} or type(entry["timestamp"]) is not int:
        faults.append("time")
    elif int(entry["otel.timestamp"]) // 1_000_000 != entry["timestamp"]:
        faults.append("otel.timestamp")
    if entry.get("status", "info") not in _STATUSES and not re.fullmatch(r"[a-z]\w*", str(entry["status"])):
        faults.append("status")
    faults += [name for name in ("hostname", "service", "ddtags") if entry.get(name, "-") == ""]
    if any(not tag or tag.startswith(":") or tag.endswith(":") for tag in entry.get("ddtags", "a:b").split(",")):
        faults.append("ddtags")
    for name, length in (("trace_id", 32), ("span_id", 16)):
        if name in entry and not re.fullmatch(rf"[0-9a-f]{{{length}}}", str(entry[name])):
            faults.append(name)
    return faults

"""The report as one HTML file that needs nothing else: no network, no script of others, no font."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from beacon_core.report import sections
from beacon_core.report.delivery import ReceiptJson, delivery
from beacon_core.report.document import as_json
from beacon_core.report.markup import Html, data_block, tag
from beacon_core.report.report import Report
from beacon_core.report.run import Run
from beacon_core.report.words import counted_words, duration_words, time_words

#: What a browser lets the page do: show its own style and run its own script, and nothing else.
_POLICY = "default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'"
_LARGEST_DATA = 4 * 1024 * 1024


def as_html(report: Report, receipt: ReceiptJson | None = None) -> str:
    """Return the report as one HTML page: timeline, tokens and cost over time, tools, errors, redactions, delivery.

    Nothing in it that came from an event is read as HTML or script. Equal input gives an equal page.

    Args:
        report: what was read.
        receipt: a decoded `receipt.json`; its figures become the last table.

    Raises:
        ValueError: `receipt` is not a receipt.
    """
    told, several = delivery(receipt), len(report.sessions) > 1
    main = tag(
        "main",
        sections.figures(report),
        sections.warnings(report),
        sections.overview(report) if several else sections.sessions(report),
        sections.runs(report),
        sections.usage_over_time(report),
        tag("div", sections.used_tools(report), sections.removed(report), class_="columns"),
        sections.sessions(report) if several else "",
        sections.delivered(told),
    )
    body = tag("body", _header(report), main, _footer(), *_data(report, receipt), _script())
    return f"<!doctype html>\n{tag('html', _head(report), body, lang='en')}\n"


def _head(report: Report) -> Html:
    style, script = _asset("page.css"), _asset("page.js")
    policy = _POLICY.format(style=_hash(style), script=_hash(script))
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{_title(report)} - Beacon"),
        tag("style", Html(style)),
    )


def _header(report: Report) -> Html:
    sessions = report.sessions
    facts: list[str] = []
    if sessions:
        start = min(session.start_unix_nano for session in sessions)
        end = max(session.end_unix_nano for session in sessions)
        facts = [
            f"{time_words(start)} UTC",
            duration_words((end - start) // 1_000_000),
            counted_words(len(sessions), "session"),
        ]
    runs = list(report.runs())
    return tag(
        "header",
        tag("p", _LOGO, "Beacon", class_="brand"),
        tag("button", "Dark / light", type="button", id="theme", hidden=""),
        tag("h1", _title(report)),
        tag("p", list(_run_facts(runs[0])) if len(runs) == 1 else f"{len(runs)} runs", class_="run"),
        tag("p", " · ".join(facts), class_="note"),
    )


def _title(report: Report) -> str:
    runs = list(report.runs())
    names = " / ".join(filter(None, (runs[0].pipeline, runs[0].task))) if len(runs) == 1 else ""
    return names or "What the agents did"


def _run_facts(run: Run) -> Iterator[Html]:
    link = run.url if run.url.startswith(("https://", "http://")) else None
    words = [
        (run.repository.partition("://")[2] or run.repository, None),
        (run.branch, None),
        (run.revision[:12], None),
        (f"change {run.change_id}" if run.change_id else "", None),
        (f"run {run.id}" if run.id and (run.pipeline or link) else "", link),
    ]
    for text, href in words:
        if text:
            yield tag("span", tag("a", text, href=href, rel="noreferrer noopener") if href else text)


def _footer() -> Html:
    words = "Cost is the agents' own estimate, not an invoice. Nothing of this page is fetched from anywhere."
    return tag("footer", tag("p", words), tag("button", "Save the data as JSON", type="button", id="save", hidden=""))


def _data(report: Report, receipt: ReceiptJson | None) -> Iterator[Html]:
    """Yield the report's JSON for the page's script; a report that is very large goes without it."""
    block = data_block("data", as_json(report, receipt))
    if len(block) <= _LARGEST_DATA:
        yield block


def _script() -> Html:
    return tag("script", Html(_asset("page.js")))


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_LOGO = tag(
    "svg",
    tag("circle", cx=12, cy=12, r=3.2, class_="core"),
    tag("path", d="M6.3 17.7a8 8 0 0 1 0-11.4M17.7 6.3a8 8 0 0 1 0 11.4", class_="wave"),
    tag("path", d="M3.2 20.8a12.4 12.4 0 0 1 0-17.6M20.8 3.2a12.4 12.4 0 0 1 0 17.6", class_="wave far"),
    viewBox="0 0 24 24",
    class_="logo",
    aria_hidden="true",
)

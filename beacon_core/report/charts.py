"""Drawings of a report as SVG inside of HTML: when what happened, and what it took over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from beacon_core.report.markup import Html, join, tag
from beacon_core.report.timeline import Moment
from beacon_core.report.usage import TOKEN_KINDS, Tokens, Usage
from beacon_core.report.words import cost_words, duration_words, number_words, short_number_words, shortened_words

_WIDTH, _LEFT, _RIGHT = 1000.0, 92.0, 20.0
_ROW, _GAP, _AXIS = 18.0, 10.0, 26.0
_MOST_ROWS = 4
_CHARACTER = 6.6  # of a label
_TICKS = 6
_MILLISECOND = 1_000_000

#: Lanes of a timeline from top to bottom: title, and the kinds of moments in it.
LANES = (
    ("Session", ("prompt", "session")),
    ("Model", ("model",)),
    ("Commands", ("command",)),
    ("Files", ("file",)),
    ("Tools", ("tool", "mcp")),
    ("Trouble", ("denied", "error")),
)
#: Kinds of tokens from bottom to top, with their titles.
TOKEN_TITLES = {
    "cache_read": "Cache read",
    "cache_creation": "Cache write",
    "uncached_input": "Input",
    "output": "Output",
    "reasoning": "Reasoning",
}


class Span(NamedTuple):
    """A stretch of time in Unix nanoseconds and where it is drawn."""

    start: int
    end: int

    def x(self, time: int) -> float:
        """Return where a time is."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (time - self.start) / max(1, self.end - self.start)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield where the axis has a mark, and what it says: the time since the beginning."""
        length = (self.end - self.start) // _MILLISECOND
        step = _round_step(max(1, length) / _TICKS)
        for offset in range(0, length + 1, step):
            yield (
                self.x(self.start + offset * _MILLISECOND),
                duration_words(offset).replace(".0 s", " s") if offset else "0",
            )


def timeline(moments: Sequence[Moment], title: str) -> Html:
    """Return what happened in a session, in lanes."""
    span = Span(
        min(moment.start_unix_nano for moment in moments),
        max(moment.start_unix_nano + moment.duration_ms * _MILLISECOND for moment in moments),
    )
    top, parts = 4.0, []
    for name, kinds in LANES:
        rows = _rows([moment for moment in moments if moment.kind in kinds])
        if not rows:
            continue
        height = len(rows) * _ROW
        parts.append(tag("rect", x=_LEFT, y=top, width=_WIDTH - _LEFT - _RIGHT, height=height, rx=4.0, class_="lane"))
        parts.append(tag("text", name, x=0, y=top + 13, class_="lane-name"))
        parts += [_mark(moment, span, top + row * _ROW) for row, within in enumerate(rows) for moment in within]
        top += height + _GAP
    return _drawing(title, top + _AXIS - _GAP, [_axis(span, top), parts], class_="chart timeline")


def sessions(spans: Sequence[tuple[str, str, int, int, str]]) -> Html:
    """Return when sessions ran: agent, id, beginning, end and outcome of each."""
    span = Span(min(start for _, _, start, _, _ in spans), max(end for _, _, _, end, _ in spans))
    parts: list[Html] = []
    for number, (agent, name, start, end, outcome) in enumerate(spans):
        top, left, right = 4 + number * (_ROW + 6), span.x(start), span.x(end)
        words = f"{agent} {name}: {duration_words((end - start) // _MILLISECOND)}, {outcome}"
        parts.append(tag("text", shortened_words(agent, 13), x=0, y=top + 13, class_="lane-name"))
        width = max(3.0, right - left)
        parts.append(_labelled(left, top, width, f"bar session {_class_of(outcome)}", words, label=name))
        if width - 8 < len(name) * _CHARACTER:
            parts.append(_beside(shortened_words(name, 9), left, left + width, top))
    bottom = 4 + len(spans) * (_ROW + 6)
    return _drawing("When the sessions ran", bottom + _AXIS, [_axis(span, bottom), parts], class_="chart")


def usage_over_time(steps: Sequence[tuple[int, Usage]], width: int) -> Html:
    """Return tokens by kind, step by step, and below what they cost up to then.

    Args:
        steps: beginnings in Unix nanoseconds and what was used.
        width: a step's length in nanoseconds.
    """
    span = Span(steps[0][0], steps[-1][0] + width)
    highest = max(used.tokens.total for _, used in steps) or 1
    height = 150.0
    parts: list[Html] = [*_scale(highest, height)]
    for start, used in steps:
        left, right = span.x(start), span.x(start + width)
        parts += _stack(used, left, max(1.5, (right - left) * 0.86), height, highest)
    bottom = height + 10
    if any(used.cost_usd is not None for _, used in steps):
        parts += _cost_curve(steps, span, bottom + 14, 70.0)
        bottom += 94
    return _drawing("Tokens and cost over time", bottom + _AXIS, [_axis(span, bottom), parts], class_="chart usage")


def composition(tokens: Tokens) -> Html:
    """Return which part of the tokens is of which kind, as one bar."""
    left, parts = 0.0, []
    for kind, title in TOKEN_TITLES.items():
        number = getattr(tokens, kind)
        width = _WIDTH * number / max(1, tokens.total)
        if number:
            words = f"{title}: {number_words(number)} tokens, {100 * number / tokens.total:.1f} %"
            parts.append(_shape(f"tokens {kind}", words, x=left, y=0, width=max(2.0, width), height=22.0))
        left += width
    return _drawing("Tokens by kind", 22, parts, class_="chart composition", preserveAspectRatio="none")


def share(numbers: Sequence[tuple[str, int]], most: int) -> Html:
    """Return a small bar for a cell of a table: class and number of each part, drawn to the scale of `most`."""
    left, parts = 0.0, []
    for name, number in numbers:
        width = 100.0 * number / max(1, most)
        parts.append(tag("rect", x=left, y=0, width=width, height=8, class_=name))
        left += width
    return tag(
        "svg", parts, viewBox="0 0 100 8", preserveAspectRatio="none", class_="share", aria_hidden="true", width=120
    )


# ---- pieces ----


def _drawing(title: str, height: float, parts: Iterable[Html | list[Html]], **attributes: str) -> Html:
    return tag(
        "svg",
        [tag("title", title)],
        parts,
        viewBox=f"0 0 {_WIDTH:.0f} {height:.0f}",
        role="img",
        aria_label=title,
        **attributes,
    )


def _rows(moments: list[Moment]) -> list[list[Moment]]:
    """Return moments in rows in which none happens during another, as far as a few rows allow."""
    rows: list[list[Moment]] = []
    ends: list[int] = []
    for moment in moments:
        end = moment.start_unix_nano + moment.duration_ms * _MILLISECOND
        free = next((row for row, before in enumerate(ends) if before <= moment.start_unix_nano), len(rows))
        free = min(free, _MOST_ROWS - 1)
        if free == len(rows):
            rows.append([])
            ends.append(0)
        rows[free].append(moment)
        ends[free] = end
    return rows


def _extent(moment: Moment, span: Span) -> tuple[float, float]:
    left = span.x(moment.start_unix_nano)
    right = span.x(moment.start_unix_nano + moment.duration_ms * _MILLISECOND)
    return min(left, _WIDTH - _RIGHT - 4), max(left + 4.0, right)


def _mark(moment: Moment, span: Span, top: float) -> Html:
    left, right = _extent(moment, span)
    since = duration_words((moment.start_unix_nano - span.start) // _MILLISECOND)
    words = [f"{moment.label} at {since}", duration_words(moment.duration_ms) if moment.duration_ms else ""]
    words += [moment.outcome, shortened_words(moment.detail, 200)]
    text = " · ".join(word for word in words if word)
    if moment.kind in {"prompt", "session", "error", "denied"}:
        return _shape(f"dot {moment.kind}", text, element="circle", cx=left + 3, cy=top + _ROW / 2, r=5.0)
    return _labelled(
        left, top + 2, right - left, f"bar {moment.kind} {_class_of(moment.outcome)}", text, label=moment.label
    )


def _labelled(left: float, top: float, width: float, name: str, words: str, *, label: str) -> Html:
    """Return a bar, with a label in it where there is room for all of it."""
    bar = _shape(name, words, x=left, y=top, width=width, height=_ROW - 4, rx=3.0)
    if width - 8 < len(label) * _CHARACTER:
        return bar
    return join([bar, tag("text", label, x=left + 5, y=top + 11, class_="label")])


def _beside(text: str, left: float, right: float, top: float) -> Html:
    """Return a text on that side of a bar where there is room."""
    before = right + len(text) * _CHARACTER > _WIDTH - _RIGHT
    return tag(
        "text", text, x=left - 5 if before else right + 5, y=top + 11, class_="beside before" if before else "beside"
    )


def _shape(name: str, words: str, element: str = "rect", **place: float) -> Html:
    """Return a shape that says what it is to a pointer, also without a script."""
    return tag(element, tag("title", words), class_=name.strip(), **place)


def _class_of(outcome: str) -> str:
    """Return how an outcome is coloured; a class is never a text of unknown origin."""
    return {"failure": "failed", "timeout": "failed", "cancelled": "failed", "denied": "denied"}.get(outcome, "well")


def _axis(span: Span, top: float) -> list[Html]:
    parts = []
    for x, words in span.ticks():
        parts.append(tag("line", x1=x, x2=x, y1=0, y2=top, class_="grid"))
        parts.append(tag("text", words, x=x, y=top + 16, class_="tick"))
    return parts


def _scale(highest: int, height: float) -> Iterator[Html]:
    for part in (0.5, 1.0):
        y = 10 + height * (1 - part)
        yield tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid")
        yield tag("text", short_number_words(int(highest * part)), x=_LEFT - 8, y=y + 4, class_="value")
    yield tag("text", "Tokens", x=0, y=height * 0.25 + 14, class_="lane-name")


def _stack(used: Usage, left: float, width: float, height: float, highest: int) -> Iterator[Html]:
    bottom = height + 10
    told = ", ".join(
        f"{title} {number_words(getattr(used.tokens, kind))}"
        for kind, title in TOKEN_TITLES.items()
        if getattr(used.tokens, kind)
    )
    words = f"{number_words(used.tokens.total)} tokens: {told}"
    for kind in TOKEN_TITLES:
        part = height * getattr(used.tokens, kind) / highest
        if part:
            bottom -= part
            yield _shape(f"tokens {kind}", words, x=left, y=bottom, width=width, height=part)


def _cost_curve(steps: Sequence[tuple[int, Usage]], span: Span, top: float, height: float) -> Iterator[Html]:
    total = sum((used.cost_usd or Decimal() for _, used in steps), Decimal())
    spent, points = Decimal(), [(_LEFT, top + height)]
    for start, used in steps:
        x = span.x(start)
        points.append((x, points[-1][1]))
        spent += used.cost_usd or Decimal()
        points.append((x, top + height - height * float(spent / total if total else 0)))
    points.append((_WIDTH - _RIGHT, points[-1][1]))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield tag("polygon", points=f"{line} {_WIDTH - _RIGHT:.1f},{top + height:.1f}", class_="cost-area")
    yield tag("polyline", tag("title", f"{cost_words(total)} in all"), points=line, class_="cost-line")
    yield tag("text", "Cost", x=0, y=top + 10, class_="lane-name")
    yield tag("text", cost_words(total), x=_LEFT - 8, y=top + 26, class_="value")


def _round_step(milliseconds: float) -> int:
    """Return a step of an axis that people like, at least as long."""
    for step in (
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        1000,
        2000,
        5000,
        10_000,
        15_000,
        30_000,
        60_000,
        120_000,
        300_000,
    ):
        if step >= milliseconds:
            return step
    hours = 3_600_000
    for step in (600_000, 900_000, 1_800_000, hours, 2 * hours, 6 * hours, 12 * hours, 24 * hours):
        if step >= milliseconds:
            return step
    days = 24 * hours
    return int(-(-milliseconds // days)) * days


assert set(TOKEN_TITLES) == set(TOKEN_KINDS)  # noqa: S101 - a kind without a title would be missing in drawings

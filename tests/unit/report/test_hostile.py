"""What comes from events is data in every form of a report: it is no markup, no script, no escape of a terminal."""

from __future__ import annotations

import html.parser
import json
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from beacon_core.report import Report, as_html, as_json, as_markdown, as_text, report_on
from tests.unit.report.support import Lines

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    "]]>--><!doctype html>",
    "a|b|c \\| \\\\| x",
    "`code` ``more`` **bold** _it_ ~~gone~~",
    "[link](https://evil.example) ![](http://evil.example/x.png) <https://evil.example>",
    "https://evil.example www.evil.example @octocat #1 $x^2$ [^1] :tada:",
    "\x1b[31mred\x1b]8;;https://evil.example\x07link \x9b2J\r\n\ttab\0\x7f",
    "\u202egnp.exe \u2066\u200b\ufeff\u2028\u2029",
    "</details></td></table>\n\n# Heading\n\n| a |\n| --- |",
    '" onmouseover="alert(1)" x=\'',
    "&lt;b&gt; &#60;b&#62; &amp;",
    "=cmd|' /C calc'!A0",
    "",
    " ",
    "x" * 10_000,
]
UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
#: The only tags that the Markdown form has, all of its own making.
OWN_TAGS = {"<code>", "</code>", "<sub>", "</sub>", "<details>", "</details>", "<summary>", "</summary>"}


def report_with(text: str) -> Report:
    line = Lines(
        text,
        agent=text or "x",
        **{"cicd.pipeline.name": text, "cicd.pipeline.run.url.full": text, "vcs.ref.head.name": text},
    )
    known: Any = {"gen_ai__tool__name": text, "gen_ai__tool__call__id": text, "beacon__agent__version": text}
    return report_on(
        [
            line("prompt.submitted", beacon__prompt__text=text),
            line(
                "command.executed",
                1,
                beacon__outcome="success",
                process__command_line=text,
                beacon__commit__revision=text,
                **known,
            ),
            line("file.modified", 9, beacon__outcome="success", file__path=text, beacon__mcp__server__name=text),
            line("approval.denied", 20, beacon__approval__source=text, gen_ai__tool__name=text),
            line("session.error", 30, error__type=text, error__message=text),
            line("session.completed", 40, beacon__outcome=text),
            line.usage(50, model=text, beacon__redacted={text: 3}),
            line.usage(
                50, **{"beacon.usage.source": text, "beacon.usage.counted": False, "gen_ai.usage.output_tokens": 99}
            ),
            line(text, beacon__agent__name=None),
        ]
    )


def receipt_with(text: str) -> dict[str, Any]:
    numbers = ("carried_over", "accepted", "delivered", "filtered", "dead_lettered", "queued", "possibly_duplicated")
    line = dict.fromkeys(numbers, 1) | {"dropped": {text: 1}}
    return {"balanced": True, "received": 1, "deduplicated": 0, "refused": {text: 1}, "exporters": {text: line}}


class Page(html.parser.HTMLParser):
    """What a browser sees: elements with their attributes, and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def check_html(text: str) -> None:
    page, plain = (
        Page(as_html(report_with(text), receipt_with(text))),
        Page(as_html(report_with("plain"), receipt_with("plain"))),
    )
    assert [tag for tag, _ in page.elements if tag == "script"] == ["script", "script"]
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements} | {"a"}
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in {"style", "src", "srcdoc", "action"}]
    links = [attributes["href"] or "" for _, attributes in page.elements if "href" in attributes]
    assert all(link.startswith(("http://", "https://")) for link in links)


def check_markdown(text: str) -> None:
    markdown = as_markdown(report_with(text), receipt_with(text))
    assert set(re.findall(r"<[^>\s]*>?", markdown)) <= OWN_TAGS
    assert "://" not in markdown
    assert not UNPRINTABLE.search(markdown)
    tables = [part for part in markdown.split("\n\n") if part.startswith("| ")]
    assert len(tables) == len(re.findall(r"^\| ---", markdown, re.MULTILINE)) > 0
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
        assert "`" not in table
        assert "\\" not in table
        assert "[" not in table


def check_text(text: str) -> None:
    printed = as_text(report_with(text), receipt_with(text))
    assert not UNPRINTABLE.search(printed)
    assert printed.replace("\n", "").isprintable()


def check_json(text: str) -> None:
    document = json.dumps(as_json(report_with(text), receipt_with(text)))
    assert document.isascii()
    assert not UNPRINTABLE.search(document)
    json.loads(document)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60) | st.text("<>|`\\\n\x1b*_[]()&;/:@#$w.\"'", max_size=40))
def test_no_text_gets_out_of_its_place(text: str) -> None:
    check_html(text)
    check_markdown(text)
    check_text(text)
    check_json(text)


for each in HOSTILE:
    test_no_text_gets_out_of_its_place = example(each)(test_no_text_gets_out_of_its_place)


def test_a_link_to_the_run_is_one_only_if_it_leads_to_the_web() -> None:
    for address in (
        "javascript:alert(1)",
        "data:text/html,x",
        " https://a.example",
        "file:///etc/passwd",
        "//a.example",
    ):
        line = Lines(**{"cicd.pipeline.run.url.full": address, "cicd.pipeline.run.id": "7"})
        page = Page(as_html(report_on([line.usage()])))
        assert not [attributes for _, attributes in page.elements if "href" in attributes]
    line = Lines(**{"cicd.pipeline.run.url.full": "https://ci.example/7?a=1&b=2", "cicd.pipeline.run.id": "7"})
    assert 'href="https://ci.example/7?a=1&amp;b=2"' in as_html(report_on([line.usage()]))


def test_the_texts_that_are_shown_are_whole() -> None:
    text = "if a < b && c > d: echo \"$X|y\" '`z`'"
    page = Page(as_html(report_with(text)))
    assert text in page.texts
    assert text in as_text(report_with(text))
    assert text in map(html.unescape, re.findall("<code>(.*?)</code>", as_markdown(report_with(text))))

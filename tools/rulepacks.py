"""Takes the rules of others into `sanitize`: run it by hand, look at the difference, commit it.

    python tools/rulepacks.py --gitleaks default.toml --kingfisher rules.json

Where the two files come from stands in `rulepacks.toml`. A rule is taken if its expression can be said in Python's
`re`, takes linear time there, and holds a keyword by which texts without it can be passed over; what is refused, and
why, is written into the pack. Expressions are changed on the way, see `translate`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beacon_core.processors.sanitize.anchors import find_start, required_words
from beacon_core.processors.sanitize.linear import problem

ROOT = Path(__file__).parents[1]
PACKS = ROOT / "beacon_core" / "processors" / "sanitize" / "packs"
SETTINGS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

Source = dict[str, Any]  # id, description, pattern, entropy, keywords


def gitleaks_rules(text: str) -> Iterator[Source]:
    """Yield the rules of a configuration file of gitleaks; those about file names have no expression."""
    for rule in tomllib.loads(text)["rules"]:
        if "regex" in rule:
            yield {
                "id": rule["id"],
                "description": rule["description"],
                "pattern": rule["regex"],
                "entropy": rule.get("entropy", 0),
                "keywords": [keyword.lower() for keyword in rule.get("keywords", [])],
            }


def kingfisher_rules(text: str, prefix: str) -> Iterator[Source]:
    """Yield the rules with a prefix of what `kingfisher rules list --format json` prints."""
    for rule in json.loads(text):
        origin, _, name = rule["id"].partition(".")
        if origin == prefix:
            words = {"id": name, "description": rule["name"], "pattern": rule["pattern"]}
            yield {**words, "entropy": 0, "keywords": []}


# ---- translation ----

_ENDS = tuple(SETTINGS["ends"])
_REPLACED = tuple(SETTINGS["replaced"])
_FLAGS = re.compile(r"\(\?([imsU]+)\)")
_NAMED = re.compile(r"\(\?P?<(?![=!])[A-Za-z0-9_]+>")


def translate(source: str) -> str:
    r"""Return an expression of RE2 or Vectorscan as one of `re` that suits telemetry rather than files.

    * Flags in the middle become groups, a single capture the group `secret`; with several the whole match counts.
    * `\b` before a secret also lets an escape (`\n`), a percent-encoded character or a colour code stand there.
    * What has to stand after a secret in a file (a quote, a line's end) need not stand there in an attribute.
    * Between a name and its secret there may be the backslashes of JSON inside a string.
    """
    source = source.strip()
    for before, after in _REPLACED:
        source = source.replace(before, after)
    if re.search(r"\(\?[a-z]*x[a-z]*[):]", source):
        raise ValueError("flag x")
    source = _scope_flags(source)
    source = _without_end(source)
    source = source.replace("(?P<TOKEN>", "(?P<secret>", 1)
    if "(?P<secret>" in source:
        return _with_edge(_NAMED.sub(lambda match: match[0] if match[0] == "(?P<secret>" else "(?:", source))
    captures = [
        match.start()
        for match in re.finditer(r"\((?!\?)|" + _NAMED.pattern, source)
        if not _escaped(source, match.start())
    ]
    if len(captures) == 1:
        start = captures[0]
        opened = _NAMED.match(source, start)
        source = f"{source[:start]}(?P<secret>{source[opened.end() if opened else start + 1 :]}"
    else:
        for start in reversed(captures):
            opened = _NAMED.match(source, start)
            source = f"{source[:start]}(?:{source[opened.end() if opened else start + 1 :]}"
    return _with_edge(source)


def _with_edge(source: str) -> str:
    return re.sub(r"^((?:\((?:\?i:|\?:|\?P<secret>))*)\\b", r"\1{{edge}}", source)


def _escaped(source: str, place: int) -> bool:
    """Say if the character at a place is escaped, or in a set."""
    before = source[:place]
    if (len(before) - len(before.rstrip("\\"))) % 2:
        return True
    inside = False
    index = 0
    while index < place:
        if source[index] == "\\":
            index += 2
            continue
        if source[index] == "[" and not inside:
            inside = True
            index += 2 if source[index + 1 : index + 2] in "]^" else 1
            continue
        if source[index] == "]":
            inside = False
        index += 1
    return inside


def _scope_flags(source: str) -> str:
    """Return an expression whose flags stand in groups of their own: `(?i)a` becomes `(?i:a)`."""
    match = _FLAGS.search(source)
    if match is None:
        return source
    flags = match[1].replace("m", "").replace("U", "")
    start, end = match.span()
    closing = _end_of_group(source, end)
    inner = _scope_flags(source[end:closing])
    opened = f"(?{flags}:" if flags else "(?:"
    return _scope_flags(f"{source[:start]}{opened}{inner}){source[closing:]}")


def _end_of_group(source: str, start: int) -> int:
    depth, index = 0, start
    while index < len(source):
        if source[index] in "()" and not _escaped(source, index):
            depth += 1 if source[index] == "(" else -1
            if depth < 0:
                return index
        index += 1
    return len(source)


def _without_end(source: str) -> str:
    closing = ""
    while True:
        for end in _ENDS:
            if source.endswith(end):
                source = source.removesuffix(end)
                if not re.search(r"(?:[*+]|,\})[?+]?\)*$", source):
                    return f"{source}(?![A-Za-z0-9_]){closing}"
                return source + closing
        if source.endswith(")") and len(closing) <= 1 and source.startswith("(?"):
            source, closing = source[:-1], closing + ")"
            continue
        return source + closing


# ---- a pack ----


def pack(name: str, sources: list[Source], taken: set[tuple[str, str]], content: bytes) -> dict[str, Any]:
    """Return a pack without the rules that are in `taken`, ids with expressions; what is new is added to it."""
    settings = SETTINGS["packs"][name]
    rules, refused = [], {}
    for source in sorted(sources, key=lambda source: source["id"]):
        identity = re.sub(r"[^a-z0-9-]+", "-", source["id"].lower())[:64]
        if (identity, source["pattern"]) in taken:
            continue
        taken.add((identity, source["pattern"]))
        reason = SETTINGS["refused"].get(identity) or add_rule(rules, identity, source)
        if reason:
            refused[identity] = reason
    origin = {**settings, "sha256": hashlib.sha256(content).hexdigest()}
    return {"pack": name, **origin, "refused": refused, "rules": rules}


def add_rule(rules: list[dict[str, Any]], identity: str, source: Source) -> str:
    """Add a rule, or return why it is not taken."""
    try:
        pattern = translate(source["pattern"])
        expanded = pattern.replace("{{edge}}", SETTINGS["edge"])
        complaint = problem(expanded)
    except (ValueError, re.error) as error:
        return str(error)
    if complaint:
        return complaint
    start = find_start(expanded)
    beginning = start is not None and {*start.words} <= {*SETTINGS["beginnings"]}
    keywords = start.words if start and beginning else required_words(expanded) or tuple(source["keywords"])
    shortest = min((len(keyword) + (not keyword.isalpha()) for keyword in keywords), default=0)
    if shortest < SETTINGS["shortest_keyword"] and not beginning:
        return "no keyword that is long enough"
    vendor = "(?P<secret>" not in pattern or pattern.removeprefix("(?i:").removeprefix("(?:").removeprefix(
        "{{edge}}"
    ).startswith("(?P<secret>")
    rule: dict[str, Any] = {
        "id": identity,
        "kind": "vendor" if vendor else "credential",
        "description": source["description"].strip().rstrip(".") + ".",
        "keywords": sorted(keywords),
    }
    if source["entropy"]:
        rule["entropy"] = source["entropy"]
    rules.append({**rule, "patterns": [pattern]})
    return ""


def main() -> None:
    """Write the packs."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--gitleaks", type=Path, required=True)
    arguments.add_argument("--kingfisher", type=Path, required=True)
    options = arguments.parse_args()
    gitleaks, kingfisher = options.gitleaks.read_bytes(), options.kingfisher.read_bytes()
    of_gitleaks = list(gitleaks_rules(gitleaks.decode()))
    entropies = {rule["id"]: rule["entropy"] for rule in of_gitleaks}
    betterleaks = [
        {**rule, "entropy": entropies.get(rule["id"], 0)}
        for rule in kingfisher_rules(kingfisher.decode(), "betterleaks")
    ]
    sources = {
        "betterleaks": (betterleaks, kingfisher),
        "gitleaks": (of_gitleaks, gitleaks),
        "veles": (list(kingfisher_rules(kingfisher.decode(), "veles")), kingfisher),
    }
    taken: set[tuple[str, str]] = set()
    for name, (rules, content) in sources.items():
        made = pack(name, rules, taken, content)
        (PACKS / f"{name}.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{name}: {len(made['rules'])} rules, {len(made['refused'])} refused")


if __name__ == "__main__":
    main()

"""Recognizes the CI run that a process belongs to, by its environment and the table in `providers.toml`.

The table says everything about providers; this module only knows how to read it. Nothing here asks the network or
starts a process, and no environment makes it raise.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import msgspec

from beacon_core.processors.fingerprint.values import clean, clean_revision, clean_url, split_ref

PROVIDER = "beacon.run.provider"
EPHEMERAL = "beacon.run.ephemeral"

_REFERENCE = re.compile(r"\$\{(\w+)\}")
_MAX_FILE_BYTES = 512 * 1024  # an event file of GitHub has some 30 KB
_REPOSITORY = "vcs.repository.url.full"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an attribute's value comes from; the members are explained in `providers.toml`."""

    text: str
    match: str = ""
    when: tuple[str, ...] = ()
    type: str = ""
    file: str = ""


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One CI provider; the members are explained in `providers.toml`."""

    id: str
    when: tuple[str, ...]
    like: str = ""
    fields: dict[str, tuple[str | Source, ...]] = {}


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `providers.toml`."""

    hosts: dict[str, str]
    provider: tuple[Provider, ...]

    def fields(self, provider: Provider) -> dict[str, tuple[str | Source, ...]]:
        """Return a provider's fields, with those of the provider that it is like."""
        parent = next((other for other in self.provider if other.id == provider.like), None)
        return (self.fields(parent) if parent else {}) | provider.fields


@functools.cache
def provider_table() -> Table:
    """Return the table that is shipped. Read when it is first asked for."""
    import tomllib  # noqa: PLC0415 - only a process that detects something pays for it

    return msgspec.convert(tomllib.loads(Path(__file__).with_name("providers.toml").read_text("utf-8")), Table)


def detect(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what `environ` says about the CI run: `cicd.*`, `vcs.*`, `beacon.run.*` (agents.md 8.1); empty if none.

    `beacon.run.provider` is the provider's id in `providers.toml`, or `unknown` if only `CI` says that there is one.
    """
    ci = environ.get("CI", "").strip().lower()
    if ci in {"false", "0"}:
        return {}
    table = provider_table()
    for provider in table.provider:
        if _all_hold(provider.when, environ):
            return {PROVIDER: provider.id, **_attributes(table, provider, environ)}
    return {PROVIDER: "unknown", EPHEMERAL: "true"} if clean(ci) else {}


def facts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the `when` of a configuration's overlay can ask for: `detect` and `cicd.provider`; empty if no CI."""
    found = detect(environ)
    return {"cicd.provider": found[PROVIDER], **found} if found else {}


def _attributes(table: Table, provider: Provider, environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute, sources in table.fields(provider).items():
        for source in sources:
            if _take(attribute, Source(source) if isinstance(source, str) else source, environ, found):
                break
    if "cicd.pipeline.run.id" in found:
        found["cicd.pipeline.run.state"] = "executing"
    if _REPOSITORY in found:
        found = _from_repository(table, found[_REPOSITORY]) | found
    return found


def _take(attribute: str, source: Source, environ: Mapping[str, str], found: dict[str, str]) -> bool:
    """Put a source's value into `found`; return False if it has none."""
    value = _value(attribute, source, environ)
    if attribute.endswith(".revision"):
        value = clean_revision(value)
    if attribute.startswith("vcs.ref.") and attribute.endswith(".name"):
        value, kind = split_ref(value)
        kind = kind or _expand(source.type, environ) or ("" if value.startswith("refs/") else "branch")
        if value and kind:
            found[attribute.removesuffix("name") + "type"] = kind
    if value:
        found[attribute] = value
    return bool(value)


def _value(attribute: str, source: Source, environ: Mapping[str, str]) -> str:
    if not _all_hold(source.when, environ):
        return ""
    if source.file:
        value = _from_file(environ.get(source.file, ""), source.text)
    elif attribute.endswith(".url.full"):
        value = _expand_url(source.text, environ)
    else:
        value = _expand(source.text, environ)
    if not source.match:
        return value
    found = re.search(source.match, value)
    return found[1] if found else ""


def _all_hold(conditions: tuple[str, ...], environ: Mapping[str, str]) -> bool:
    return all(_holds(condition, environ) for condition in conditions)


def _holds(condition: str, environ: Mapping[str, str]) -> bool:
    name, *rest = re.split("([=~])", condition, maxsplit=1)
    value = clean(environ.get(name, ""))
    if not rest:
        return value not in {"", "0"}
    operator, operand = rest
    return value == operand if operator == "=" else re.search(operand, value) is not None


def _expand(template: str, environ: Mapping[str, str], *, encode: bool = False) -> str:
    """Return a template with its references replaced; empty if one of them has no value."""
    values = {name: clean(environ.get(name, "")) for name in _REFERENCE.findall(template)}
    if not all(values.values()):
        return ""
    return _REFERENCE.sub(lambda found: quote(values[found[1]], safe="") if encode else values[found[1]], template)


def _expand_url(template: str, environ: Mapping[str, str]) -> str:
    """Return a template's address: cleaned, except for a query or fragment that the template itself has."""
    address, tail = [*re.split("([?#].*)", template), ""][:2]
    url = clean_url(_expand(address, environ))
    rest = _expand(tail, environ, encode=True)
    return url + rest if url and bool(rest) == bool(tail) else ""


def _from_file(path: str, way: str) -> str:
    """Return a text of the JSON document at `path`; empty if the file cannot be read or has none there."""
    try:
        file = Path(path)
        if not path or not file.is_file() or file.stat().st_size > _MAX_FILE_BYTES:
            return ""
        value = msgspec.json.decode(file.read_bytes())
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
        return ""
    for member in way.split("."):
        value = value.get(member) if isinstance(value, dict) else None
    return clean(value) if isinstance(value, str) else ""


def _from_repository(table: Table, url: str) -> dict[str, str]:
    """Return what a repository's address says about it."""
    parts = urlsplit(url)
    owner, _, name = unquote(parts.path).strip("/").rpartition("/")
    named = {"vcs.repository.name": clean(name)}
    if parts.netloc in table.hosts:  # elsewhere a path may begin with anything
        named |= {"vcs.provider.name": table.hosts[parts.netloc], "vcs.owner.name": clean(owner)}
    return {attribute: value for attribute, value in named.items() if value}

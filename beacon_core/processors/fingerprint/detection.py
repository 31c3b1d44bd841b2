"""Recognizes the CI run that a process belongs to, by its environment and the table in `providers.toml`.

The table says everything about providers; this module only knows how to read it. Nothing here asks the network or
starts a process, and no environment makes it raise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from beacon_core.processors.fingerprint.checkout import Checkout, read_checkout
from beacon_core.processors.fingerprint.files import member, read_json, read_properties
from beacon_core.processors.fingerprint.names import (
    EPHEMERAL,
    HEAD_NAME,
    HEAD_REVISION,
    PIPELINE_RUN_ID,
    PIPELINE_RUN_STATE,
    PROVIDER,
    REPOSITORY_URL,
    Found,
)
from beacon_core.processors.fingerprint.table import Provider, Source, Table, provider_table
from beacon_core.processors.fingerprint.values import clean, clean_revision, clean_url, split_ref

#: Characters of a value that a pattern looks at; a branch's name is an attacker's, and patterns may be anybody's.
MAX_MATCHED = 512

_REFERENCE = re.compile(r"\$\{(\w+)\}")
_TABLE = "the provider table"
_CHECKOUT = "the files of the checkout (.git)"


def detect(
    environ: Mapping[str, str], *, rows: tuple[Provider, ...] = (), directory: Path | None = None
) -> dict[str, str]:
    """Return what `environ` says about the CI run: `cicd.*`, `vcs.*`, `beacon.run.*` (agents.md 8.1); empty if none.

    `beacon.run.provider` is the provider's id in `providers.toml`, or `unknown` if only `CI` says that there is one.

    Args:
        environ: the process's environment.
        rows: providers that are tried before those of the table.
        directory: where the checkout is whose files say which commit it is, if the environment does not; None not to
            look.
    """
    return {name: str(found.value) for name, found in look_at_run(environ, rows=rows, directory=directory).items()}


def facts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the `when` of a configuration's overlay can ask for: `detect` and `cicd.provider`; empty if no CI."""
    found = detect(environ, directory=working_directory())
    return {"cicd.provider": found[PROVIDER], **found} if found else {}


def working_directory() -> Path | None:
    """Return the working directory; None if it is gone."""
    try:
        return Path.cwd()
    except OSError:
        return None


def look_at_run(
    environ: Mapping[str, str], *, rows: tuple[Provider, ...] = (), directory: Path | None = None
) -> dict[str, Found]:
    """Return what `detect` does, with where each value comes from."""
    ci = environ.get("CI", "").strip().lower()
    if ci in {"false", "0"}:
        return {}
    table = provider_table().with_rows(rows)
    provider = next((each for each in table.provider if all_hold(each.when, environ)), None)
    if provider is not None:
        origin = ", ".join(variable for condition in provider.when for variable in variables_of(condition))
        return _Reading(table, environ, directory).read(provider, {PROVIDER: Found(provider.id, origin)})
    if not clean(ci):
        return {}
    unknown = Provider("unknown", ())
    return _Reading(table, environ, directory).read(
        unknown, {PROVIDER: Found(unknown.id, "CI"), EPHEMERAL: Found("true", "CI")}
    )


class _Reading:
    """One look at an environment; a file is read once, when a source first asks for it."""

    def __init__(self, table: Table, environ: Mapping[str, str], directory: Path | None) -> None:
        self._table = table
        self._environ = environ
        self._directory = directory
        self._checkout: Checkout | None = None
        self._documents: dict[str, Any] = {}
        self._found: dict[str, Found] = {}

    def read(self, provider: Provider, known: dict[str, Found]) -> dict[str, Found]:
        """Return `known` and the attributes of a provider."""
        self._found = known
        for attribute, sources in self._table.fields(provider).items():
            for source in sources:
                if self._take(attribute, Source(source) if isinstance(source, str) else source):
                    break
        if HEAD_REVISION not in self._found:
            self._ask_checkout()
        if PIPELINE_RUN_ID in self._found:
            self._found[PIPELINE_RUN_STATE] = Found("executing", self._found[PIPELINE_RUN_ID].origin)
        return _from_repository(self._table, self._found.get(REPOSITORY_URL)) | self._found

    def _take(self, attribute: str, source: Source) -> bool:
        """Keep a source's value; return False if it has none."""
        value = self._value(attribute, source)
        if attribute.endswith(".revision"):
            value = clean_revision(value)
        if attribute.startswith("vcs.ref.") and attribute.endswith(".name"):
            return self._take_ref(attribute, value, _expand(source.type, self._environ), origin_of(source))
        if value:
            self._found[attribute] = Found(value, origin_of(source), source.host)
        return bool(value)

    def _take_ref(self, attribute: str, ref: str, kind: str, origin: str) -> bool:
        name, own_kind = split_ref(ref)
        kind = own_kind or kind or ("" if name.startswith("refs/") else "branch")
        if name and kind:
            self._found[attribute.removesuffix("name") + "type"] = Found(kind, origin)
        if name:
            self._found[attribute] = Found(name, origin)
        return bool(name)

    def _value(self, attribute: str, source: Source) -> str:
        if not all_hold(source.when, self._environ):
            return ""
        if source.git:
            value = clean(self._read_checkout().ref)
        elif source.file:
            value = self._from_file(source)
        elif attribute.endswith(".url.full"):
            value = _expand_url(source.text, self._environ)
        else:
            value = _expand(source.text, self._environ)
        if not source.match:
            return value
        found = re.search(source.match, value) if len(value) <= MAX_MATCHED else None
        return (source.give or found[1] or "") if found else ""

    def _from_file(self, source: Source) -> str:
        path = self._environ.get(source.file, "")
        if path not in self._documents:
            self._documents[path] = read_properties(path) if source.format == "properties" else read_json(path)
        document = self._documents[path]
        return clean(document.get(source.text, "") if source.format == "properties" else member(document, source.text))

    def _ask_checkout(self) -> None:
        """Take commit, and branch if that is not known either, from the checkout's files."""
        checkout = self._read_checkout()
        if checkout.revision:
            self._found[HEAD_REVISION] = Found(checkout.revision, _CHECKOUT)
        if checkout.ref and HEAD_NAME not in self._found:
            self._take_ref(HEAD_NAME, clean(checkout.ref), "", _CHECKOUT)

    def _read_checkout(self) -> Checkout:
        if self._checkout is None:
            self._checkout = read_checkout(self._directory) if self._directory is not None else Checkout()
        return self._checkout


def origin_of(source: Source) -> str:
    """Return where a source takes its value from, in words."""
    if source.git:
        return _CHECKOUT
    if source.file:
        return f"{source.text} in the file {source.file}"
    return ", ".join(dict.fromkeys(_REFERENCE.findall(source.text))) or _TABLE


def all_hold(conditions: tuple[str, ...], environ: Mapping[str, str]) -> bool:
    """Return whether an environment meets all conditions."""
    return all(_holds(condition, environ) for condition in conditions)


def variables_of(condition: str) -> list[str]:
    """Return the variables that a condition looks at."""
    return re.split("[=~]", condition.removeprefix("!"), maxsplit=1)[0].split("|")


def _holds(condition: str, environ: Mapping[str, str]) -> bool:
    if condition.startswith("!"):
        return not _holds(condition[1:], environ)
    names, *rest = re.split("([=~])", condition, maxsplit=1)
    values = [clean(environ.get(name, "")) for name in names.split("|")]
    if not rest:
        return any(value not in {"", "0"} for value in values)
    operator, operand = rest
    if operator == "=":
        return operand in values
    return any(len(value) <= MAX_MATCHED and re.search(operand, value) is not None for value in values)


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


def _from_repository(table: Table, repository: Found | None) -> dict[str, Found]:
    """Return what a repository's address says about it."""
    if repository is None:
        return {}
    parts = urlsplit(str(repository.value))
    owner, _, name = unquote(parts.path).strip("/").rpartition("/")
    named = {"vcs.repository.name": clean(name)}
    if parts.netloc in table.hosts:  # elsewhere a path may begin with anything
        named |= {"vcs.provider.name": table.hosts[parts.netloc], "vcs.owner.name": clean(owner)}
    return {attribute: Found(value, repository.origin) for attribute, value in named.items() if value}

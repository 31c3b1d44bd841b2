"""What `beacon plugins check` finds out about an installed distribution."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import distribution as find_distribution
from importlib.util import find_spec
from pathlib import Path

import beacon_core
from beacon_core.cli import plugin_contracts
from beacon_core.cli.plugin_report import TESTING, Check, Report, outcome
from beacon_core.component import KINDS, Component
from beacon_core.config import describe
from beacon_core.errors import PluginError
from beacon_core.plugins import Installed, installed, load, summary

CORE = "beacon-core"

_SECRET_NAME = re.compile(r"(?:^|[._])(?:token|password|passwd|passphrase|secret|api_?key|credentials?)$")
_WATCHED_IMPORT = Path(__file__).with_name("watched_import.py")
_IMPORT_TIMEOUT = 60.0  # seconds


def distributions() -> list[tuple[str, str, list[str]]]:
    """Return the distributions that bring components: name, version, and `kind type` of each component."""
    found: dict[tuple[str, str], list[str]] = {}
    for kind in KINDS:
        for item in installed(kind):
            found.setdefault((item.distribution, item.version), []).append(f"{kind} {item.type}")
    return [(name, version, components) for (name, version), components in sorted(found.items())]


def examine(name: str) -> Report:
    """Check a distribution: import it, read it, and run its contracts in processes of their own.

    Raises:
        PluginError: it is not installed, or brings no component.
    """
    items = _components_of(name)
    report = Report(items[0].distribution, items[0].version, complete=plugin_contracts.is_available())
    report.parts["the distribution"] = [
        _imports_only_public_names(items),
        *map(_import_touches_nothing, _modules(items)),
    ]
    for item in items:
        checks = [Check("it can be loaded", "holds")]
        try:
            component = load(item.kind, item.type)
        except PluginError as error:
            checks = [Check("it can be loaded", "does not hold", str(error))]
        else:
            checks += [_is_described(component), _options_are_described(component), _secrets_are_secret(component)]
            checks += plugin_contracts.checks_of(item.kind, item.type, item.distribution, component)
        report.parts[f"{item.kind} {item.type} ({item.target})"] = checks
    return report


def _components_of(name: str) -> list[Installed]:
    everything = [item for kind in KINDS for item in installed(kind)]
    try:
        wanted = find_distribution(name).name
    except (PackageNotFoundError, ValueError):
        names = ", ".join(sorted({item.distribution for item in everything}))
        raise PluginError(f"{name} is not installed; distributions with components are: {names}") from None
    items = [item for item in everything if item.distribution == wanted]
    if not items:
        groups = ", ".join(f"beacon.{kind}" for kind in KINDS)
        raise PluginError(f"{wanted} brings no component: it has no entry point in one of {groups}")
    return items


# ---- what it imports ----


def _modules(items: list[Installed]) -> list[str]:
    """Return the modules of the components."""
    return sorted({item.target.partition(":")[0] for item in items})


def _imports_only_public_names(items: list[Installed]) -> Check:
    name = "it imports only public names of beacon_core and beacon_core.testing"
    if items[0].distribution == CORE:
        return Check(name, "not checked", "it is the core itself")
    tops = sorted({module.partition(".")[0] for module in _modules(items)})
    files = [(path, root) for top in tops for path, root in _sources(top)]
    if not files:
        return Check(name, "not checked", f"there is no source of {', '.join(tops)}")
    public = {"beacon_core": {*beacon_core.__all__, "testing"}, "beacon_core.testing": _names_of_testing()}
    others = _others(items[0].distribution, tops)
    problems = [
        f"{path.relative_to(root)}:{line} imports {what}"
        for path, root in files
        for line, what in _foreign(path, public, others)
    ]
    return outcome(name, problems, "only these names stay what they are from one version to the next")


def _sources(top: str) -> Iterator[tuple[Path, Path]]:
    """Yield the source files of a top-level module, with the folder that it is in; its tests are its own business."""
    spec = find_spec(top)
    if spec is None:
        return
    for folder in map(Path, spec.submodule_search_locations or ()):
        for path in sorted(folder.rglob("*.py")):
            if "tests" not in path.relative_to(folder).parts:
                yield path, folder.parent
    if spec.submodule_search_locations is None and spec.origin and spec.origin.endswith(".py"):
        yield Path(spec.origin), Path(spec.origin).parent


def _names_of_testing() -> set[str]:
    """Return the public names of `beacon_core.testing` without importing it."""
    for node in ast.parse((TESTING / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def _others(own: str, tops: list[str]) -> set[str]:
    """Return the top-level modules of other people's components."""
    items = [item for kind in KINDS for item in installed(kind) if item.distribution != own]
    return {item.target.partition(":")[0].partition(".")[0] for item in items} - {"beacon_core", *tops}


def _foreign(path: Path, public: dict[str, set[str]], others: set[str]) -> Iterator[tuple[int, str]]:
    """Yield line and name of every import of a file that is not for plugins."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            modules = [node.module]
            for alias in node.names:
                if node.module in public and alias.name not in public[node.module]:
                    yield node.lineno, f"{node.module}.{alias.name}"
        else:
            continue
        for module in modules:
            top = module.partition(".")[0]
            if top in others or (top == "beacon_core" and module not in public):
                yield node.lineno, module


def _import_touches_nothing(module: str) -> Check:
    """Import a module in a process of its own, and see what its distribution's code does meanwhile."""
    name = f"importing {module} opens no file for writing, no socket, no thread and no process"
    command = [sys.executable, "-P", "-B", str(_WATCHED_IMPORT), module]  # -P: this folder has a module `queue`
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter and a file of ours
            command, capture_output=True, text=True, check=False, timeout=_IMPORT_TIMEOUT, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return Check(name, "does not hold", f"the import takes longer than {_IMPORT_TIMEOUT:g} s; move it to start()")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["the import ended the process"])[-1]
        return Check(name, "does not hold", f"{last}\nit cannot be imported by itself")
    return outcome(name, done.stdout.splitlines(), "move this to start()")


# ---- what it says of itself ----


def _is_described(component: type[Component]) -> Check:
    problems = [] if component.__doc__ and summary(component) else [f"{component.__qualname__} has no docstring"]
    return outcome("its class says what it is", problems, "the first line of its docstring is what people are shown")


def _options_are_described(component: type[Component]) -> Check:
    problems = [option.name for option in describe(component.config_class) if not option.description]
    return outcome("its options are described", problems, "put a docstring below each of these fields")


def _secrets_are_secret(component: type[Component]) -> Check:
    problems = [
        f"{option.name} is {option.type}"
        for option in describe(component.config_class)
        if _SECRET_NAME.search(option.name) and "secret" not in option.type
    ]
    return outcome(
        "options that look like credentials are Secret", problems, "declare it as beacon_core.Secret, or rename it"
    )

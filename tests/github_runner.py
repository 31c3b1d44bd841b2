"""What a GitHub runner does with a job, its steps and composite actions, as far as the examples need it.

GITHUB_ENV is read as `FileCommandManager` of actions/runner does: `NAME=value`, or `NAME<<DELIMITER`, lines,
`DELIMITER`; anything else is an error that fails the step.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml


class BadEnvFileError(Exception):
    """The runner fails a step with such a file."""


def read_github_env(text: str) -> dict[str, str]:
    """Return the variables that a runner on Linux reads; later lines win."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else [])
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, value = line.partition("=")
        elif heredoc >= 0:
            name, _, delimiter = line.partition("<<")
            if not delimiter:
                raise BadEnvFileError(f"no delimiter: {line!r}")
            value = _until(delimiter, lines)
        else:
            raise BadEnvFileError(f"neither form: {line!r}")
        if not name:
            raise BadEnvFileError(f"no name: {line!r}")
        found[name] = value
    return found


def _until(delimiter: str, lines: Iterator[str]) -> str:
    parts: list[str] = []
    for line in lines:
        if line == delimiter:
            return "\n".join(parts)
        parts.append(line)
    raise BadEnvFileError(f"the delimiter {delimiter} does not come")


_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_SHELL = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]


class Done(NamedTuple):
    """A step that has run."""

    name: str
    code: int
    output: str


class Runner:
    """Runs the steps of one job as a runner on Linux does, as far as the examples need it.

    Args:
        action: the `action.yml` that `uses: OWNER/beacon@v0` means.
        start: runs a command in an environment.
        temp: `RUNNER_TEMP`.
        contexts: values of expressions, such as `secrets.TOKEN`.
        others: what other actions do, by name; without, nothing.
    """

    def __init__(
        self,
        action: Path,
        start: Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]],
        temp: Path,
        contexts: Mapping[str, str],
        others: Mapping[str, Callable[[Mapping[str, str], Mapping[str, str]], Done]],
    ) -> None:
        self.action, self.start, self.temp, self.others = action, start, temp, others
        self.contexts = {"runner.temp": str(temp), **contexts}
        self.exported: dict[str, str] = {}
        self.summary = ""
        self.done: list[Done] = []

    def run(self, job: Mapping[str, Any]) -> list[Done]:
        """Run a job; return its steps that were not skipped."""
        for step in job["steps"]:
            failed = any(done.code for done in self.done)
            if failed and step.get("if") != "always()":
                continue
            self.done.append(self._step(step, {}, self.contexts))
        return self.done

    def _step(self, step: Mapping[str, Any], outer: Mapping[str, str], contexts: Mapping[str, str]) -> Done:
        environ = {**outer, **_evaluated(step.get("env", {}), contexts)}
        if "run" in step:
            return self._script(step.get("name", "run"), evaluate(step["run"], contexts), environ)
        name = step["uses"].partition("@")[0]
        given = _evaluated(step.get("with", {}), contexts)
        if name in self.others:
            return self.others[name]({**self.exported, **environ}, given)
        return self._composite(step.get("name", name), given, environ)

    def _composite(self, title: str, given: Mapping[str, str], environ: Mapping[str, str]) -> Done:
        action = yaml.safe_load(self.action.read_text())
        assert set(given) <= set(action["inputs"]), "an input that the action does not have"
        inputs = {name: given.get(name, each.get("default", "")) for name, each in action["inputs"].items()}
        contexts = {f"inputs.{name}": value for name, value in inputs.items()}
        done = Done(title, 0, "")
        for step in action["runs"]["steps"]:
            condition = re.fullmatch(r"(\S+) == '(\w+)'", step.get("if", "always == 'always'"))
            assert condition is not None
            if contexts.get(condition[1], "always") == condition[2]:
                each = self._step(step, {**environ, "GITHUB_ACTION_PATH": str(self.action.parent)}, contexts)
                done = Done(title, done.code or each.code, done.output + each.output)
        return done

    def _script(self, name: str, script: str, environ: Mapping[str, str]) -> Done:
        """Run a script in a file of its own, then end what it left behind and read what it handed on."""
        tracking = {"RUNNER_TRACKING_ID": f"github_{uuid.uuid4()}", "RUNNER_TEMP": str(self.temp)}
        files = {variable: self.temp / f"_{variable.lower()}_{uuid.uuid4()}" for variable in _FILES}
        for file in files.values():
            file.touch()
        path = self.temp / f"{uuid.uuid4()}.sh"
        path.write_text(script)
        handed = {variable: str(file) for variable, file in files.items()}
        github = {"GITHUB_ACTIONS": "true", "CI": "true"}
        done = self.start([*_SHELL, str(path)], {**github, **self.exported, **environ, **tracking, **handed})
        end_everything_with("RUNNER_TRACKING_ID", tracking["RUNNER_TRACKING_ID"])
        self.exported |= read_github_env(files["GITHUB_ENV"].read_text())
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        return Done(name, done.returncode, done.stdout + done.stderr)


_FILES = ("GITHUB_ENV", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_PATH")


def evaluate(text: object, contexts: Mapping[str, str]) -> str:
    """Return a text with its expressions replaced, as they stand: that is what makes them dangerous in scripts."""
    if isinstance(text, bool):
        return str(text).lower()
    return _EXPRESSION.sub(lambda found: contexts[found[1]], str(text))


def _evaluated(values: Mapping[str, object], contexts: Mapping[str, str]) -> dict[str, str]:
    return {name: evaluate(value, contexts) for name, value in values.items()}


def end_everything_with(variable: str, value: str) -> None:
    """End the processes that have a value in their environment, as a runner does with what a step has left behind."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(variable) == value:
                process.kill()

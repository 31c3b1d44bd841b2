"""Finds the shell scripts in the examples, as each CI would run them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

_GROOVY_TEXT = re.compile(
    r"""//[^\n]*|/\*.*?\*/|'''(?P<block>(?:\\.|[^\\])*?)'''|'(?P<line>(?:\\.|[^'\\\n])*)'|"(?P<other>(?:\\.|[^"\\])*)\"""",
    re.DOTALL,
)


class Script(NamedTuple):
    """A script, the shell it is for, and whether it runs whatever came before."""

    name: str
    shell: str
    text: str
    always: bool = False


def gitlab_scripts(text: str, job: str) -> list[Script]:
    """Return what a job runs: `before_script` and `script` in one shell, `after_script` in another one."""
    document = yaml.safe_load(text)
    merged: dict[str, Any] = document[document[job]["extends"]] | document[job]
    scripts = [Script(job, "bash", "\n".join([*merged["before_script"], *merged["script"]]))]
    if "after_script" in merged:
        scripts.append(Script(f"{job} after_script", "bash", "\n".join(merged["after_script"]), always=True))
    return scripts


def jenkins_scripts(text: str) -> list[Script]:
    """Return the texts of `sh`, in their order; those in a `post` run always."""
    found = []
    for match in _GROOVY_TEXT.finditer(text):
        block = match["block"]
        if block is None:
            continue
        before = text[: match.start()].rstrip()
        assert before.endswith("sh"), "a text of several lines that is no script"
        always = before.removesuffix("sh").rstrip().endswith("always {")
        found.append(Script(f"sh {len(found) + 1}", "sh", re.sub(r"\\(.)", r"\1", block), always))
    return found


def without_texts(groovy: str) -> str:
    """Return Groovy without comments and texts; what is left is its structure."""
    return _GROOVY_TEXT.sub(lambda found: "" if found[0].startswith("/") else "''", groovy)


def buildkite_scripts(text: str) -> list[Script]:
    """Return the commands of the steps after `pipeline upload` has replaced variables; none but `$$` may be there."""
    scripts = []
    for step in yaml.safe_load(text)["steps"]:
        command = step["command"]
        assert not re.search(r"(?<!\$)(?:\$\$)*\$(?!\$)", command), "a variable that is replaced at the upload"
        scripts.append(Script(step["label"], "bash", command.replace("$$", "$")))
    return scripts

"""Pages as sessions: files are written, `$ ` commands run in one shell, in order, and what they print is compared.

`...` in the shown output stands for anything, alone on a line for any lines. A block marked `yaml p.yaml` is that
file. Port 4318 of a page stands for the one that the `otlp` receiver of its `ready.json` has got, 4317 for a free one.
"""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

OTLP = "127.0.0.1:4318"
GRPC = "127.0.0.1:4317"
DEADLINE = 60.0
MARK = "--- done ---"


class Shell:
    """A bash in a folder, with the commands of this environment first on its path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if name in {"HOME", "TMPDIR", "LD_LIBRARY_PATH"}}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=kept | {"PATH": path, "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[str, int]:
        """Run a command and return what it printed, and its exit code; the next one can ask for it with `$?`."""
        assert self._process.stdin is not None
        script = f"{command}\ncode=$?; printf '\\n%s %d\\n' '{MARK}' $code; (exit $code)\n"
        self._process.stdin.write(script.encode())
        self._process.stdin.flush()
        output = self._read()
        printed, _, code = output.rpartition(f"\n{MARK} ")
        return printed, int(code)

    def _read(self) -> str:
        assert self._process.stdout is not None
        data = b""
        deadline = time.monotonic() + DEADLINE
        while not re.search(rb"\n%s \d+\n\Z" % MARK.encode(), data):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            assert piece, f"the shell ended or did not answer; it printed: {data.decode()}"
            data += piece
        return data.decode()

    def close(self) -> None:
        """End the shell and whatever it has started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        finally:
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    shell.close()


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with the output that is shown below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        end = next(end for end in range(1, len(lines) + 1) if is_whole("\n".join(lines[:end])))
        yield "\n".join(lines[:end]), "\n".join(lines[end:])


def is_whole(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:  # a quote is open, or a backslash is the last sign
        return False
    return not command.endswith("\\")


def pattern(shown: str) -> re.Pattern[str]:
    """Return what output may look like for shown output."""
    lines = [r"(?:.*\n)*" if line == "..." else f"{line_pattern(line)}\n" for line in shown.splitlines()]
    return re.compile("".join(lines))


def line_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("..."))


def with_port(command: str, folder: Path) -> str:
    """Return a command with the address that the running receiver has."""
    if OTLP not in command:
        return command
    url = json.loads((folder / "ready.json").read_text())["endpoints"]["otlp"]["http"]
    return command.replace(OTLP, url.removeprefix("http://"))


def test_the_commands_of_a_page_do_what_it_shows(page: Path, blocks: dict[Path, list[Any]], shell: Shell) -> None:
    if "$ curl " in page.read_text(encoding="utf-8") and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    ran = 0
    for block in blocks[page]:
        if block.name:
            (shell.folder / block.name).parent.mkdir(parents=True, exist_ok=True)
            (shell.folder / block.name).write_text(re.sub(f"{OTLP}|{GRPC}", "127.0.0.1:0", block.text))
        if block.language != "console":
            continue
        commands = list(steps(block.text))
        assert commands, f"{block}: no line begins with a dollar sign"
        for number, (command, shown) in enumerate(commands):
            printed, code = shell.run(with_port(command, shell.folder))
            assert pattern(shown).fullmatch(f"{printed.rstrip()}\n" if printed.strip() else ""), (
                f"{block}\n$ {command}\nshown:\n{shown}\nprinted:\n{printed}"
            )
            asked = commands[number + 1 : number + 2] and commands[number + 1][0] == "echo $?"
            assert code == 0 or asked, f"{block}\n$ {command}\nexit code {code}"
            ran += 1
    assert ran


def test_wildcards_stand_for_a_part_of_a_line_or_for_lines() -> None:
    assert pattern("a ... c\n...\nend").fullmatch("a b c\n1\n2\nend\n")
    assert pattern("...\nend").fullmatch("end\n")
    assert not pattern("a...c").fullmatch("a\nc\n")
    assert not pattern("a").fullmatch("a\nb\n")
    assert pattern("").fullmatch("")
    assert list(steps("$ a \\\n  b\nout\n$ c '\n'\nd\n")) == [("a \\\n  b", "out"), ("c '\n'", "d")]

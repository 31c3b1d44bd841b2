"""[T10] Without consent, however it is denied, no file is written and no socket opened: the interpreter tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beacon_track import consent

#: Notes every file that is opened for writing, every change of a directory, every socket and every process.
WATCH = """
import atexit, json, os, sys
noted = []
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.chmod", "os.truncate", "os.utime")
def hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes:
            noted.append([event, str(path)])
    elif event.startswith(("socket.", "subprocess.", "os.posix_spawn", "os.fork", "os.exec")) or event in CHANGES:
        noted.append([event, str(arguments[:1])])
sys.addaudithook(hook)
def tell():
    lines = json.dumps(noted)
    os.write(2, f"AUDIT{lines}\\n".encode())
atexit.register(tell)  # the first to be registered is the last to be called
"""


@pytest.fixture
def watched(home: Any) -> Any:
    """A home in which every Python tells what it has written."""
    (home.path / "site").mkdir()
    (home.path / "site" / "sitecustomize.py").write_text(WATCH)
    home.environ["PYTHONPATH"] += f":{home.path / 'site'}"
    return home


def audit(watched: Any, app: str, *arguments: str, **environ: str) -> tuple[int, list[list[str]]]:
    done = watched.run(app, *arguments, ACME_ENDPOINT="http://127.0.0.1:9", **environ)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("AUDIT")]
    return done.returncode, json.loads(line[5:])


DENIALS = ["DO_NOT_TRACK", "BEACON_TRACK_DISABLED", "ACME_TELEMETRY_DISABLED", "saved", "opt-in", "unreadable"]


@pytest.mark.parametrize("denial", DENIALS)
@pytest.mark.parametrize(("app", "end"), [("with_click", "boom"), ("with_typer", "exit7"), ("with_argparse", "thread")])
def test_t10_without_consent_nothing_is_written_and_nothing_opened(
    watched: Any, denial: str, app: str, end: str
) -> None:
    environ = {}
    if denial == "saved":
        consent.save_choice("acme", False, watched.environ)
    elif denial == "opt-in":
        environ["ACME_OPT_IN"] = "1"
    elif denial == "unreadable":
        consent.save_choice("acme", True, watched.environ)
        (watched.path / "config" / "beacon-track" / "acme" / "consent.json").write_text("{")
    else:
        environ[denial] = "1"
    code, noted = audit(watched, app, "env", "claim", end, **environ)
    assert noted == []
    assert code == {"boom": 1, "exit7": 7, "thread": 0}[end]
    assert not watched.spool.exists()


def test_t10_with_consent_the_same_watch_sees_files_and_a_process(watched: Any) -> None:
    _, noted = audit(watched, "with_click", "env", "claim")
    kinds = {event for event, _ in noted}
    assert {"open", "os.mkdir", "os.rename", "subprocess.Popen"} <= kinds
    opened = {what for event, what in noted if event == "open"}
    assert all(what.startswith(str(watched.path)) or what.isdigit() for what in opened - {"/dev/null"})

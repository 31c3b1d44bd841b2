"""`beacon telemetry`: the choice of a user, for any application with beacon-track ([T10], [T11])."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BEACON = Path(sys.executable).with_name("beacon")
APPLICATION = """
import sys
from beacon_track import Telemetry
print(Telemetry(app="acme", version="1", consent=sys.argv[1], endpoint="http://127.0.0.1:1").enabled)
"""
#: beacon-track is not installed: no finder finds it.
WITHOUT = """
import sys
class Hiding:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, *rest): return None if name == "beacon_track" else self.finder.find_spec(name, *rest)
    def __getattr__(self, name): return getattr(self.finder, name)
sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
from beacon_core.cli import main
main(sys.argv[1:])
"""


class Home:
    """A user's folders, with nothing in them, and no word of telemetry in the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        own = ("DO_NOT_TRACK", "BEACON_TRACK_DISABLED", "ACME_TELEMETRY_DISABLED", "CI")
        self.environ = {name: value for name, value in os.environ.items() if name not in own}
        self.environ |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
        self.environ |= {"XDG_STATE_HOME": str(folder / "state")}

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=self.environ | environ
        )

    def telemetry(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(BEACON), "telemetry", *arguments, **environ)

    def status(self, **environ: str) -> Any:
        done = self.telemetry("status", "acme", "--json", **environ)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def application_collects(self, default: str) -> bool:
        done = self.run(sys.executable, "-c", APPLICATION, default)
        assert done.returncode == 0, done.stderr
        return done.stdout == "True\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_t10_t11_the_application_obeys_the_choice_whatever_its_default(home: Home) -> None:
    assert (home.application_collects("opt-out"), home.application_collects("opt-in")) == (True, False)
    done = home.telemetry("disable", "acme")
    assert (done.returncode, done.stdout, done.stderr) == (0, "acme: off: you have chosen so\n", "")
    assert not home.application_collects("opt-out")
    done = home.telemetry("enable", "acme")
    assert (done.returncode, done.stdout, done.stderr) == (0, "acme: on: you have chosen so\n", "")
    assert home.application_collects("opt-in")


def test_t11_status_says_what_counts_and_why(home: Home) -> None:
    unknown = {"app": "acme", "enabled": None, "consent": "none", "source": "default", "token_configured": None}
    assert home.status() == unknown
    assert home.telemetry("status", "acme").stdout == "acme: as its author decided, since nothing is chosen\n"
    home.telemetry("enable", "acme")
    assert home.status() == {**unknown, "enabled": True, "consent": "granted", "source": "saved"}
    off = home.status(DO_NOT_TRACK="1")
    assert off == {**unknown, "enabled": False, "consent": "granted", "source": "DO_NOT_TRACK"}
    assert home.telemetry("status", "acme", DO_NOT_TRACK="1").stdout == "acme: off: DO_NOT_TRACK is set\n"


def test_t11_enable_warns_where_a_kill_switch_wins_and_saves_all_the_same(home: Home) -> None:
    done = home.telemetry("enable", "acme", "--json", ACME_TELEMETRY_DISABLED="1")
    assert done.returncode == 0
    assert "saved, but ACME_TELEMETRY_DISABLED in the environment switches telemetry off" in done.stderr
    assert json.loads(done.stdout)["enabled"] is False
    assert home.status()["enabled"] is True


def test_t11_disable_deletes_what_was_not_sent(home: Home) -> None:
    spool = home.folder / "state" / "beacon-track" / "acme"
    spool.mkdir(parents=True)
    (spool / "pending-1-x.jsonl").write_text("{}\n")
    home.telemetry("disable", "acme")
    assert list(spool.iterdir()) == []


def test_status_without_a_name_lists_every_application_that_left_something(home: Home) -> None:
    done = home.telemetry("status")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no application" in done.stderr
    assert json.loads(home.telemetry("status", "--json").stdout) == []
    (home.folder / "state" / "beacon-track" / "tool").mkdir(parents=True)
    home.telemetry("disable", "acme")
    listed = json.loads(home.telemetry("status", "--json").stdout)
    assert [(each["app"], each["enabled"]) for each in listed] == [("acme", False), ("tool", None)]


def test_p10_a_choice_that_cannot_be_saved_is_an_error_that_says_where(home: Home) -> None:
    (home.folder / "config").write_text("a file where a folder should be")
    done = home.telemetry("disable", "acme")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the choice cannot be saved" in done.stderr
    assert str(home.folder / "config" / "beacon-track" / "acme" / "consent.json") in done.stderr


@pytest.mark.parametrize("arguments", [["enable"], ["disable", "../evil"], ["status", "a/b"], ["disable", "Acme"]])
def test_p10_a_name_that_is_missing_or_none_is_a_usage_error(home: Home, arguments: list[str]) -> None:
    done = home.telemetry(*arguments)
    assert done.returncode == 2
    assert not (home.folder / "config").exists()


@pytest.mark.parametrize("arguments", [["status"], ["enable", "acme"], ["disable", "acme"]])
def test_p10_without_beacon_track_it_says_what_to_install(home: Home, arguments: list[str]) -> None:
    done = home.run(sys.executable, "-c", WITHOUT, "telemetry", *arguments)
    assert done.returncode == 69
    assert "pip install beacon-track" in done.stderr

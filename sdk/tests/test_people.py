"""[T11, T12, T13, T14] What people see and say: the notice, the commands about telemetry, the id, debug output."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from beacon_track import consent, device

FRAMEWORKS = ["with_click", "with_typer", "with_argparse"]


def on_a_terminal(home: Any, *command: str, **environ: str) -> str:
    """Run a command with a terminal for stderr and return what it wrote there."""
    leader, follower = os.openpty()
    process = subprocess.Popen(
        command, env={**home.environ, **environ}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=follower
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the last process has closed the terminal
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    process.wait(60)
    return shown.decode().replace("\r\n", "\n")


def test_t12_the_notice_is_shown_once_to_a_person_and_says_how_to_switch_it_off(home: Any) -> None:
    command = home.command("with_click", "env", "claim")
    first = on_a_terminal(home, *command)
    assert first.startswith("acme tells its authors which commands run")
    assert "ACME_TELEMETRY_DISABLED=1" in first
    assert "telemetry disable" in first
    assert on_a_terminal(home, *command) == ""


@pytest.mark.parametrize("how", ["pipe", "CI", "GITHUB_ACTIONS", "denied", "granted"])
def test_t12_nobody_else_sees_it_and_it_counts_as_shown_only_when_it_was(home: Any, how: str) -> None:
    command = home.command("with_click", "env", "claim")
    if how == "pipe":
        assert home.run("with_click", "env", "claim").stderr == ""
    elif how in ("denied", "granted"):
        consent.save_choice("acme", how == "granted", home.environ)
        assert on_a_terminal(home, *command) == ""
        Path(consent.choice_file("acme", home.environ)).unlink()
    else:
        assert on_a_terminal(home, *command, **{how: "true"}) == ""
    assert on_a_terminal(home, *command) != ""


@pytest.mark.parametrize("flag", ["-q", "--quiet", "--json"])
def test_t12_whoever_wants_quiet_or_json_does_not_see_it(home: Any, flag: str) -> None:
    script = home.path / "app.py"
    script.write_text("from beacon_track import Telemetry\nwith Telemetry(app='acme', version='1').track('x'): pass\n")
    python = home.command("with_click")[0]
    assert on_a_terminal(home, python, str(script), flag) == ""
    assert on_a_terminal(home, python, str(script)) != ""


def test_t12_where_it_cannot_be_kept_that_it_was_shown_it_is_not_shown(home: Any) -> None:
    command = home.command("with_click", "env", "claim")
    assert on_a_terminal(home, *command, XDG_STATE_HOME="/proc/none") == ""


def test_t13_the_id_is_random_private_and_stays(home: Any) -> None:
    for _ in range(2):
        home.run("with_click", "env", "claim")
    first, second = (record["resource"]["app.installation.id"] for record in home.records())
    assert first == second
    assert uuid.UUID(first).version == 4
    assert (home.spool / device.FILE).stat().st_mode & 0o777 == 0o600


def test_t13_in_ci_there_is_no_id(home: Any) -> None:
    home.run("with_click", "env", "claim", CI="1")
    assert "app.installation.id" not in home.records()[0]["resource"]
    assert not (home.spool / device.FILE).exists()


@pytest.mark.parametrize("content", [b"", b"x" * 36, b"\xff" * 36, b"short"])
def test_t13_an_id_that_cannot_be_read_is_left_out_and_left_alone(home: Any, content: bytes) -> None:
    home.spool.mkdir(parents=True, mode=0o700)
    (home.spool / device.FILE).write_bytes(content)
    home.run("with_click", "env", "claim")
    assert "app.installation.id" not in home.records()[0]["resource"]
    assert (home.spool / device.FILE).read_bytes() == content


def test_t13_where_it_cannot_be_kept_it_is_left_out(tmp_path: Path) -> None:
    assert device.installation_id(str(tmp_path / "none")) == ""


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_t11_status_enable_and_disable_say_what_counts_and_why(home: Any, app: str) -> None:
    def told(*arguments: str, **environ: str) -> dict[str, Any]:
        done = home.run(app, "telemetry", *arguments, "--json", **environ)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    assert told("status") == {"enabled": True, "consent": "none", "source": "default", "token_configured": False}
    assert told("disable") == {"enabled": False, "consent": "denied", "source": "saved", "token_configured": False}
    assert told("enable")["enabled"] is True
    killed = told("status", ACME_TELEMETRY_DISABLED="1")
    assert (killed["enabled"], killed["consent"], killed["source"]) == (False, "granted", "ACME_TELEMETRY_DISABLED")
    assert told("status", ACME_TOKEN="t0ken", ACME_ENDPOINT="https://a.example")["token_configured"] is True
    assert home.run(app, "telemetry", "status").stdout == "telemetry of acme is on: you have allowed it\n"
    assert home.names("pending-") == []  # these commands themselves are not recorded


def test_t11_the_group_of_an_application_with_one_telemetry_needs_no_argument(here: Any) -> None:
    from click.testing import CliRunner

    from beacon_track import Telemetry, click_group, typer_app

    one = Telemetry(app="acme", version="1")
    assert Telemetry.latest() is one
    done = CliRunner().invoke(click_group(), ["disable", "--json"])
    assert json.loads(done.output)["consent"] == "denied"
    assert not one.enabled
    assert typer_app().info.name == "telemetry"
    assert here.names() == []


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_t11_enable_warns_where_a_kill_switch_wins(home: Any, app: str) -> None:
    done = home.run(app, "telemetry", "enable", DO_NOT_TRACK="1")
    assert done.returncode == 0
    assert "DO_NOT_TRACK" in done.stderr
    assert done.stdout.startswith("telemetry of acme is off")


@pytest.mark.parametrize("app", FRAMEWORKS)
def test_t11_a_choice_that_cannot_be_written_is_an_error(home: Any, app: str) -> None:
    done = home.run(app, "telemetry", "disable", XDG_CONFIG_HOME="/proc/none")
    assert done.returncode == 1
    assert "/proc/none" in done.stderr
    assert "Traceback" not in done.stderr


def test_t11_disable_deletes_what_waits_and_the_id(home: Any) -> None:
    home.run("with_click", "env", "claim")
    assert home.names() != []
    home.run("with_click", "telemetry", "disable")
    assert home.names() == []


def test_t14_debug_prints_one_clean_line_per_event_and_per_flush(home: Any, server: Any) -> None:
    done = home.run("with_click", "env", "claim", "boom", BEACON_DEBUG="1", BEACON_ENDPOINT=server.url, CI="1")
    lines = [line for line in done.stderr.splitlines() if line.startswith("beacon_track: ")]
    assert [line.split()[1:3] for line in lines] == [["event", "command"], ["event", "crash"], ["flush:", "2"]]
    assert "status 200" in lines[-1]


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_t14_debug_is_off_unless_it_is_on(home: Any, value: str) -> None:
    assert home.run("with_click", "env", "claim", BEACON_DEBUG=value).stderr == ""

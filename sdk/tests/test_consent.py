"""[T10] The order in which consent is decided, and the file that keeps the choice."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from beacon_track import consent, places


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with a home of its own."""
    return {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


def seen(environ: dict[str, str], default: consent.Default = "opt-out") -> tuple[bool, str, str]:
    decision = consent.decide("acme", default, environ)
    return decision.enabled, decision.consent, decision.source


def test_t10_the_default_of_the_application_counts_where_nobody_has_chosen(home: dict[str, str]) -> None:
    assert seen(home) == (True, "none", "default")
    assert seen(home, "opt-in") == (False, "none", "default")


def test_t10_the_saved_choice_beats_the_default(home: dict[str, str]) -> None:
    consent.save_choice("acme", False, home)
    assert seen(home) == (False, "denied", "saved")
    consent.save_choice("acme", True, home)
    assert seen(home, "opt-in") == (True, "granted", "saved")


@pytest.mark.parametrize("switch", ["ACME_TELEMETRY_DISABLED", "DO_NOT_TRACK", "BEACON_TRACK_DISABLED"])
@pytest.mark.parametrize("value", ["1", "true", "yes", "no", "off"])
def test_t10_every_kill_switch_beats_the_saved_choice_with_any_value(
    home: dict[str, str], switch: str, value: str
) -> None:
    consent.save_choice("acme", True, home)
    assert seen({**home, switch: value}) == (False, "granted", switch)


@pytest.mark.parametrize("value", ["", "0", "false", "False", " 0 "])
def test_t10_empty_0_and_false_switch_nothing_off(home: dict[str, str], value: str) -> None:
    assert seen({**home, "DO_NOT_TRACK": value})[0] is True


def test_t10_the_switch_of_an_application_is_its_name_in_upper_case() -> None:
    assert consent.kill_switch("acme-cli.v2") == "ACME_CLI_V2_TELEMETRY_DISABLED"


def test_t10_the_choice_of_one_application_is_not_that_of_another(home: dict[str, str]) -> None:
    consent.save_choice("acme", False, home)
    assert consent.decide("other", "opt-out", home).enabled is True


@pytest.mark.parametrize("content", ["", "{", "[]", '{"enabled": "yes"}', '{"version": 1}', "\xff"])
def test_t10_a_choice_that_cannot_be_understood_counts_as_no(home: dict[str, str], content: str) -> None:
    file = Path(consent.choice_file("acme", home))
    file.parent.mkdir(parents=True)
    file.write_text(content, encoding="latin-1")
    assert seen(home) == (False, "denied", "saved")


def test_t10_a_choice_that_cannot_be_read_counts_as_no(home: dict[str, str]) -> None:
    Path(consent.choice_file("acme", home)).mkdir(parents=True)
    assert seen(home) == (False, "denied", "saved")


def test_t10_deciding_writes_nothing(home: dict[str, str], tmp_path: Path) -> None:
    seen(home)
    assert list(tmp_path.iterdir()) == []


def test_the_file_has_the_documented_place_form_and_mode(home: dict[str, str], tmp_path: Path) -> None:
    consent.save_choice("acme", True, home)
    file = tmp_path / "config" / "beacon-track" / "acme" / "consent.json"
    content = json.loads(file.read_text())
    assert content.pop("changed_at")[-1] == "Z"
    assert content == {"version": 1, "enabled": True}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["consent.json"]


def test_t11_a_choice_that_cannot_be_written_is_an_error_and_changes_nothing(
    home: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("a file where a directory should be")
    with pytest.raises(OSError, match="config"):
        consent.save_choice("acme", True, home)
    assert seen(home, "opt-in") == (False, "none", "default")


def test_denying_deletes_what_waits_and_the_id_and_nothing_else(home: dict[str, str]) -> None:
    state = Path(places.state_directory("acme", home))
    state.mkdir(parents=True)
    for name in ("pending-1-a.jsonl", "journal-2-b.jsonl", "installation-id", "of-somebody-else.txt"):
        (state / name).write_text("x")
    consent.save_choice("acme", False, home)
    assert [path.name for path in state.iterdir()] == ["of-somebody-else.txt"]


def test_relative_xdg_variables_are_ignored_as_their_specification_says(home: dict[str, str]) -> None:
    assert Path(places.state_directory("acme", {**home, "XDG_STATE_HOME": "here"})).is_absolute()

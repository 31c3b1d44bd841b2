"""What later steps get ([C13]): whatever a value is, they read exactly it, and no other variable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beacon_core.ci.environment import AgentEnvironment
from beacon_core.ci.exports import EnvironmentFileError, append_github_env, as_text, export_environment, write_env_file
from tests.github_runner import read_github_env

NASTY = [
    "",
    "plain",
    "two\nlines",
    "ends with one\n",
    "\n",
    "x\nPATH=/evil\nLD_PRELOAD=/evil.so",
    "beacon_00000000000000000000000000000000\nPATH=/evil",
    "EOF\nPATH<<EOF\n/evil\nEOF",
    "a'b\"c`d$(e)${f}\\g",
    "!#&;|<>*?[]{}~ \t",
    "Grüße, 世界 🛰",
    "-n",
]
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True).map(lambda name: f"V_{name}")
VALUES = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))
)
ENVIRONMENTS = st.dictionaries(NAMES, VALUES, max_size=6)
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def environment_of(values: dict[str, str]) -> AgentEnvironment:
    return AgentEnvironment(values, frozenset({"V_GONE"}), (), values)


def shell(script: str, argument: str, names: list[str]) -> dict[str, str]:
    """Run a script in a real `sh` and return the variables that a child of it has."""
    done = subprocess.run(
        ["sh", "-c", f"{script}; exec env -0", "sh", argument],
        capture_output=True,
        check=True,
        env={"PATH": os.defpath},
    )
    child = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    return {name: child[name] for name in names if name in child}


@many
@given(before=st.sampled_from(["", "OLD=1\n", "OLD=1", "OLD<<E\nx\ny\nE\n", "OLD<<E\nx\nE"]), values=ENVIRONMENTS)
def test_c13_the_runner_reads_from_github_env_exactly_what_was_written(
    before: str, values: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "env"
    path.write_bytes(before.encode())
    append_github_env(path, values)
    text = path.read_bytes().decode()
    assert text.startswith(before)
    assert read_github_env(text) == read_github_env(before) | values


def test_c13_each_value_has_a_delimiter_of_its_own_that_nobody_can_guess(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.touch()
    for _ in range(2):
        append_github_env(path, {"A": "plain", "B": "x\ny"})
    delimiters = re.findall(r"^[AB]<<(beacon_[0-9a-f]{32})$", path.read_text(), re.MULTILINE)
    assert len(set(delimiters)) == 4


@pytest.mark.parametrize("name", ["", "A B", "A=B", "A<<E", "1A", "A\nB", "Ä", "A-B", "a.b"])
def test_c13_a_name_that_is_none_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    path, dotenv = tmp_path / "env", tmp_path / "beacon.env"
    path.write_text("OLD=1\n")
    with pytest.raises(EnvironmentFileError, match="no name of a variable"):
        append_github_env(path, {"FINE": "1", name: "x"})
    with pytest.raises(EnvironmentFileError, match="no name of a variable"):
        write_env_file(dotenv, {"FINE": "1", name: "x"})
    assert path.read_text() == "OLD=1\n"
    assert not dotenv.exists()


def test_c13_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(EnvironmentFileError, match=f"GITHUB_ENV: {path} cannot be written: "):
            append_github_env(path, {"A": "1"})
    assert not (tmp_path / "gone").exists()
    with pytest.raises(EnvironmentFileError, match="cannot be written"):
        write_env_file(tmp_path / "no" / "folder.env", {"A": "1"})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_c13_a_full_disk_is_an_error() -> None:
    with pytest.raises(EnvironmentFileError, match="No space left"):
        append_github_env(Path("/dev/full"), {"A": "1"})


def test_c13_a_disk_that_is_full_in_the_middle_of_a_value_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("OLD=1\n")
    program = (
        "import resource, sys; from pathlib import Path; from beacon_core.ci.exports import append_github_env\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "append_github_env(Path(sys.argv[1]), {'A': 'x' * 1000})"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert "cannot be written: File too large" in done.stderr
    assert path.read_text() == "OLD=1\n"


def test_c13_a_line_that_a_step_did_not_end_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("OLD=1")
    append_github_env(path, {"A": "2"})
    assert read_github_env(path.read_text()) == {"OLD": "1", "A": "2"}


@many
@given(ENVIRONMENTS)
def test_c13_a_shell_that_evaluates_the_text_has_exactly_the_values(values: dict[str, str]) -> None:
    assert (
        shell('V_GONE=here; export V_GONE; eval "$1"', as_text(environment_of(values), "sh"), [*values, "V_GONE"])
        == values
    )


@many
@given(values=ENVIRONMENTS)
def test_c13_a_shell_that_sources_the_dotenv_file_has_exactly_the_values(
    values: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "beacon.env"
    if broken := [name for name, value in values.items() if set(value) & {"\n", "\r"}]:
        with pytest.raises(EnvironmentFileError, match=f"{broken[0]} has a line break"):
            write_env_file(path, values)
        return
    write_env_file(path, values)
    assert shell('set -a; . "$1"', str(path), [*values]) == values
    assert len(path.read_text().split("\n")) - 1 >= len(values)


@pytest.mark.parametrize(
    "value", ["http://127.0.0.1:4318", "a=1,b=%C3%A9/:x", "", "127.0.0.1,localhost", "/tmp/x/codex"]
)
def test_c13_usual_values_have_no_quotes_which_gitlab_and_docker_would_keep(value: str, tmp_path: Path) -> None:
    write_env_file(tmp_path / "e", {"A": value})
    assert (tmp_path / "e").read_text() == f"A={value}\n"


def test_c13_a_dotenv_file_keeps_the_users_lines_and_has_no_variable_twice(tmp_path: Path) -> None:
    path = tmp_path / "beacon.env"
    path.write_text("MINE='a b'\nexport A=old\nAB=kept")
    path.chmod(0o644)
    write_env_file(path, {"A": "1", "B": "2"})
    write_env_file(path, {"A": "3"})
    assert path.read_text() == "MINE='a b'\nAB=kept\nB=2\nA=3\n"
    assert path.stat().st_mode & 0o777 == 0o644
    write_env_file(tmp_path / "new.env", {"A": "1"})
    assert (tmp_path / "new.env").stat().st_mode & 0o777 == 0o600
    assert {each.name for each in tmp_path.iterdir()} == {"beacon.env", "new.env"}


def test_c13_bytes_that_are_no_text_pass_through_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.touch()
    value = os.fsdecode(b"caf\xe9")
    export_environment({"A": value}, github_env=path, env_file=tmp_path / "e")
    assert b"\ncaf\xe9\n" in path.read_bytes()
    assert (tmp_path / "e").read_bytes() == b"A='caf\xe9'\n"


def test_c13_json_is_for_programs() -> None:
    environment = AgentEnvironment({"A": "x\ny"}, frozenset({"C", "B"}), ("careful",), {"A": "x\ny", "B": ""})
    assert json.loads(as_text(environment, "json")) == {
        "set": {"A": "x\ny"},
        "unset": ["B", "C"],
        "warnings": ["careful"],
    }
    with pytest.raises(EnvironmentFileError, match="A has a line break"):
        as_text(environment, "dotenv")

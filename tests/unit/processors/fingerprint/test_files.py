from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_core.processors.fingerprint import detect
from beacon_core.processors.fingerprint.files import member, read_bounded, read_json, read_properties

SHA = "0123456789abcdef0123456789abcdef01234567"


def test_a_properties_file_is_read_as_java_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "build.properties"
    path.write_bytes(
        b"#comment\n! other\nteamcity.build.branch=feature/x\npath=C\\:\\\\work\n  spaced : value \nlong=a,\\\n   b\n"
        b"umlaut=\\u00e4\nkey\\ with=x\nempty=\n\n"
    )
    found = read_properties(str(path))
    assert found == {
        "teamcity.build.branch": "feature/x",
        "path": "C:\\work",
        "spaced": "value ",
        "long": "a,b",
        "umlaut": "ä",
        "key with": "x",
        "empty": "",
    }


@given(st.binary(max_size=500))
def test_no_content_of_a_file_is_an_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        path.write_bytes(content)
        assert isinstance(read_properties(str(path)), dict)
        assert isinstance(member(read_json(str(path)), "a.b"), str)


def test_a_file_that_is_too_large_or_none_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 11)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    for path in (tmp_path / "large", tmp_path / "pipe", tmp_path, tmp_path / "none", Path("a\0b"), Path("/dev/zero")):
        assert read_bounded(path, 10) == b""


@pytest.mark.parametrize("branch", ["", "<default>"])
def test_a_build_of_teamcity_without_a_branch_has_none(tmp_path: Path, branch: str) -> None:
    path = tmp_path / "build.properties"
    path.write_text(f"teamcity.build.branch={branch}\n")
    environ = {"TEAMCITY_VERSION": "1", "TEAMCITY_BUILD_PROPERTIES_FILE": str(path), "BUILD_VCS_NUMBER": SHA}
    assert "vcs.ref.head.name" not in detect(environ)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ('"state": "open", "draft": false, "merged": false', "open"),
        ('"state": "open", "draft": true', "wip"),
        ('"state": "closed", "draft": true, "merged": false', "closed"),
        ('"state": "closed", "merged": true', "merged"),
        ('"state": "strange"', None),
        ('"state": ["open"]', None),
    ],
)
def test_the_state_of_a_github_pull_request(tmp_path: Path, said: str, state: str | None) -> None:
    path = tmp_path / "event.json"
    path.write_text(f'{{"pull_request": {{{said}}}}}')
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}
    assert detect(environ).get("vcs.change.state") == state
    assert "vcs.change.state" not in detect(environ | {"GITHUB_EVENT_NAME": "pull_request_target"})

"""Against git itself, and against files that nobody should have."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from beacon_core.processors.fingerprint import detect
from beacon_core.processors.fingerprint.checkout import Checkout, read_checkout
from beacon_core.processors.fingerprint.detection import look_at_run

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
SHA = "0123456789abcdef0123456789abcdef01234567"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=feature/x")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=one")
    return folder


@needs_git
def test_branch_and_commit_are_those_that_git_names(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "deep" / "er").mkdir(parents=True)
    for folder in (repository, repository / "deep" / "er"):
        assert read_checkout(folder) == Checkout(commit, "refs/heads/feature/x")


@needs_git
def test_packed_refs_detached_heads_and_worktrees_are_read(repository: Path) -> None:
    git(repository, "branch", "feature/xx")
    git(repository, "commit", "--quiet", "--allow-empty", "--message=two")
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "--annotate", "v1", "--message=v1")
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/feature/x").exists()
    assert read_checkout(repository) == Checkout(commit, "refs/heads/feature/x")
    git(repository, "worktree", "add", "--quiet", "../tree", "feature/xx")
    tree = repository.parent / "tree"
    assert read_checkout(tree) == Checkout(git(tree, "rev-parse", "HEAD"), "refs/heads/feature/xx")
    git(repository, "checkout", "--quiet", "--detach")
    assert read_checkout(repository) == Checkout(commit)


@needs_git
def test_a_branch_without_a_commit_has_no_revision(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    assert read_checkout(tmp_path) == Checkout("", "refs/heads/main")


def make(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = folder / ".git" / name.replace("__", "/").replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"\xff\xfe", b"ref: ", b"ref: refs/heads/../../../secret", b"ref: refs/heads/a\0b", b"ref: /etc/passwd"),
        *(b"a" * 100_000, b"ref: refs/heads/.invalid", SHA.encode() + b"0", b"ref: refs/heads/" + b"a" * 4000),
    ],
)
def test_a_strange_head_is_no_error_and_leads_nowhere(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "secret").write_text(SHA)
    assert read_checkout(make(tmp_path, HEAD=head)).revision == ""


def test_what_is_no_revision_is_not_taken_for_one(tmp_path: Path) -> None:
    folder = make(tmp_path, HEAD=b"ref: refs/heads/main\n", refs__heads__main=b"hunter2\n", packed_refs=b"hunter2 x\n")
    assert read_checkout(folder) == Checkout("", "refs/heads/main")


def test_a_packed_ref_is_found_by_its_whole_name(tmp_path: Path) -> None:
    packed = b"# pack-refs\n" + b"f" * 40 + b" refs/heads/main2\n" + b"e" * 40 + b" refs/heads/x/refs/heads/main\n"
    folder = make(tmp_path, HEAD=b"ref: refs/heads/main\n", packed_refs=packed)
    assert read_checkout(folder) == Checkout("", "refs/heads/main")
    make(tmp_path, packed_refs=packed + SHA.encode() + b" refs/heads/main")
    assert read_checkout(folder) == Checkout(SHA, "refs/heads/main")
    make(tmp_path, packed_refs=packed + SHA.encode() + b" refs/heads/main\n" + b"x" * (5 << 20))
    assert read_checkout(folder) == Checkout("", "refs/heads/main")


@pytest.mark.parametrize("content", [b"", b"gitdir: ", b"gitdir: /no/such", b"gitdir: a\0b", b"other", b"x" * 9999])
def test_a_strange_git_file_is_no_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".git").write_bytes(content)
    assert read_checkout(tmp_path) in {Checkout(), read_checkout(tmp_path.parent)}


def test_a_folder_that_is_gone_or_in_no_checkout_says_nothing(tmp_path: Path) -> None:
    assert read_checkout(tmp_path / "gone") == read_checkout(tmp_path)
    assert read_checkout(Path("/")) == Checkout()


def test_the_checkout_is_asked_only_where_the_environment_has_no_revision(tmp_path: Path) -> None:
    folder = make(tmp_path, HEAD=b"ref: refs/heads/main\n", refs__heads__main=SHA.encode() + b"\n")
    known = {"BUILDKITE": "true", "BUILDKITE_COMMIT": "f" * 40}
    assert detect(known, directory=folder) == detect(known)
    found = look_at_run(known | {"BUILDKITE_COMMIT": "HEAD"}, directory=folder)
    assert (found["vcs.ref.head.revision"].value, found["vcs.ref.head.name"].value) == (SHA, "main")
    assert found["vcs.ref.head.revision"].origin == "the files of the checkout (.git)"
    named = look_at_run(known | {"BUILDKITE_COMMIT": "HEAD", "BUILDKITE_BRANCH": "other"}, directory=folder)
    assert named["vcs.ref.head.name"].value == "other"
    assert detect({"CI": "1"}, directory=folder)["vcs.ref.head.revision"] == SHA
    assert detect({}, directory=folder) == {}  # no CI run, so nothing about one


def test_a_branch_that_the_table_leaves_to_the_checkout(tmp_path: Path) -> None:
    folder = make(tmp_path, HEAD=b"ref: refs/heads/main\n", refs__heads__main=SHA.encode() + b"\n")
    for environ in (
        {"TEAMCITY_VERSION": "1", "BUILD_VCS_NUMBER": "f" * 40},
        {"CODEBUILD_BUILD_ID": "a:b", "CODEBUILD_RESOLVED_SOURCE_VERSION": "f" * 40},
    ):
        found = detect(environ, directory=folder)
        assert (found["vcs.ref.head.name"], found["vcs.ref.head.type"]) == ("main", "branch")
        assert found["vcs.ref.head.revision"] == "f" * 40
        assert "vcs.ref.head.name" not in detect(environ)

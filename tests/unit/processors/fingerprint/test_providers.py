from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from beacon_core.processors.fingerprint import detect, facts
from beacon_core.processors.fingerprint.detection import provider_table

SHA = "0123456789abcdef0123456789abcdef01234567"
BASE_SHA = "89abcdef0123456789abcdef0123456789abcdef"

GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_WORKFLOW": "build",
    "GITHUB_RUN_ID": "987654321",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/widgets",
    "GITHUB_JOB": "claude-review",
    "GITHUB_SHA": SHA,
    "GITHUB_REF": "refs/heads/feature/x",
    "GITHUB_REF_NAME": "feature/x",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_HEAD_REF": "",
    "GITHUB_BASE_REF": "",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_ACTOR": "octo",
    "RUNNER_NAME": "GitHub Actions 12",
    "RUNNER_ENVIRONMENT": "github-hosted",
}
GITHUB_PULL_REQUEST = GITHUB | {
    "GITHUB_REF": "refs/pull/42/merge",
    "GITHUB_REF_NAME": "42/merge",
    "GITHUB_HEAD_REF": "feature/x",
    "GITHUB_BASE_REF": "main",
    "GITHUB_EVENT_NAME": "pull_request",
}
GITLAB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH": "acme/tools/widgets",
    "CI_PROJECT_NAMESPACE": "acme/tools",
    "CI_PROJECT_NAME": "widgets",
    "CI_PROJECT_URL": "https://gitlab.example.com/acme/tools/widgets",
    "CI_REPOSITORY_URL": "https://gitlab-ci-token:glcbt-FAKE@gitlab.example.com/acme/tools/widgets.git",
    "CI_PIPELINE_ID": "1001",
    "CI_PIPELINE_URL": "https://gitlab.example.com/acme/tools/widgets/-/pipelines/1001",
    "CI_JOB_NAME": "test",
    "CI_JOB_ID": "2002",
    "CI_JOB_URL": "https://gitlab.example.com/acme/tools/widgets/-/jobs/2002",
    "CI_RUNNER_ID": "7",
    "CI_RUNNER_DESCRIPTION": "shared-runner",
    "CI_COMMIT_SHA": SHA,
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_REF_NAME": "main",
    "CI_PIPELINE_SOURCE": "push",
    "GITLAB_USER_LOGIN": "alice",
}
JENKINS = {
    "JENKINS_URL": "https://ci.example.com/",
    "BUILD_ID": "17",
    "BUILD_NUMBER": "17",
    "BUILD_URL": "https://ci.example.com/job/widgets/17/",
    "JOB_NAME": "widgets",
    "STAGE_NAME": "Test",
    "NODE_NAME": "linux-3",
    "EXECUTOR_NUMBER": "0",
    "GIT_URL": "https://bot:hunter2@git.example.com/acme/widgets.git",
    "GIT_BRANCH": "origin/main",
    "GIT_COMMIT": SHA,
}
CIRCLECI = {
    "CI": "true",
    "CIRCLECI": "true",
    "CIRCLE_PROJECT_USERNAME": "acme",
    "CIRCLE_PROJECT_REPONAME": "widgets",
    "CIRCLE_REPOSITORY_URL": "git@github.com:acme/widgets.git",
    "CIRCLE_WORKFLOW_ID": "5d3c3e0e-0000-4000-8000-000000000001",
    "CIRCLE_JOB": "test",
    "CIRCLE_BUILD_NUM": "123",
    "CIRCLE_NODE_INDEX": "1",
    "CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/widgets/123",
    "CIRCLE_BRANCH": "feature/x",
    "CIRCLE_SHA1": SHA,
    "CIRCLE_PULL_REQUEST": "https://github.com/acme/widgets/pull/42",
    "CIRCLE_USERNAME": "alice",
}
BUILDKITE = {
    "CI": "true",
    "BUILDKITE": "true",
    "BUILDKITE_PIPELINE_NAME": "Widgets",
    "BUILDKITE_PIPELINE_SLUG": "widgets",
    "BUILDKITE_BUILD_ID": "0190-build",
    "BUILDKITE_BUILD_URL": "https://buildkite.com/acme/widgets/builds/5",
    "BUILDKITE_LABEL": ":pytest: test",
    "BUILDKITE_JOB_ID": "0190-job",
    "BUILDKITE_AGENT_NAME": "linux-1",
    "BUILDKITE_AGENT_ID": "0190-agent",
    "BUILDKITE_REPO": "git@github.com:acme/widgets.git",
    "BUILDKITE_BRANCH": "main",
    "BUILDKITE_TAG": "",
    "BUILDKITE_COMMIT": SHA,
    "BUILDKITE_PULL_REQUEST": "false",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "",
    "BUILDKITE_SOURCE": "webhook",
    "BUILDKITE_BUILD_CREATOR": "Alice",
}
AZURE = {
    "TF_BUILD": "True",
    "BUILD_DEFINITIONNAME": "widgets",
    "BUILD_BUILDID": "77",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECT": "My Project",
    "SYSTEM_JOBDISPLAYNAME": "Test",
    "SYSTEM_JOBID": "12f1170f",
    "AGENT_NAME": "Azure Pipelines 5",
    "AGENT_ID": "9",
    "BUILD_REPOSITORY_URI": "https://acme@dev.azure.com/acme/My%20Project/_git/widgets",
    "BUILD_SOURCEBRANCH": "refs/heads/main",
    "BUILD_SOURCEVERSION": SHA,
    "BUILD_REQUESTEDFOR": "Alice Example",
    "BUILD_REASON": "IndividualCI",
}
PROVIDERS = {
    "github_actions": GITHUB,
    "gitlab_ci": GITLAB,
    "jenkins": JENKINS,
    "circleci": CIRCLECI,
    "buildkite": BUILDKITE,
    "azure_pipelines": AZURE,
}


def refs(found: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in found.items() if name.startswith(("vcs.ref.", "vcs.change."))}


@pytest.mark.parametrize(("provider", "environ"), PROVIDERS.items())
def test_each_provider_is_recognized_with_its_run_and_revision(provider: str, environ: dict[str, str]) -> None:
    found = detect(environ)
    assert found["beacon.run.provider"] == provider
    assert found["cicd.pipeline.run.id"]
    assert found["cicd.pipeline.run.state"] == "executing"
    assert found["vcs.repository.name"] == "widgets"
    assert found["vcs.ref.head.revision"] == SHA
    assert found["vcs.ref.head.type"] == "branch"
    assert all(isinstance(value, str) and value for value in found.values())
    assert facts(environ) == {"cicd.provider": provider, **found}


def test_a_push_on_github_has_no_pull_request_fields() -> None:
    assert detect(GITHUB) == {
        "beacon.run.provider": "github_actions",
        "beacon.run.attempt": "2",
        "beacon.run.event": "push",
        "beacon.run.actor": "octo",
        "beacon.run.ephemeral": "true",
        "cicd.pipeline.name": "build",
        "cicd.pipeline.run.id": "987654321",
        "cicd.pipeline.run.url.full": "https://github.com/acme/widgets/actions/runs/987654321",
        "cicd.pipeline.run.state": "executing",
        "cicd.pipeline.task.name": "claude-review",
        "cicd.worker.name": "GitHub Actions 12",
        "vcs.provider.name": "github",
        "vcs.owner.name": "acme",
        "vcs.repository.name": "widgets",
        "vcs.repository.url.full": "https://github.com/acme/widgets",
        "vcs.ref.head.name": "feature/x",
        "vcs.ref.head.type": "branch",
        "vcs.ref.head.revision": SHA,
    }


def test_a_pull_request_on_github_names_both_branches_and_its_number() -> None:
    assert refs(detect(GITHUB_PULL_REQUEST)) == {
        "vcs.ref.head.name": "feature/x",
        "vcs.ref.head.type": "branch",
        "vcs.ref.head.revision": SHA,
        "vcs.ref.base.name": "main",
        "vcs.ref.base.type": "branch",
        "vcs.change.id": "42",
    }


def test_the_head_of_a_github_pull_request_is_in_the_event_file(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"sha": BASE_SHA}}}))
    environ = GITHUB_PULL_REQUEST | {"GITHUB_EVENT_PATH": str(event)}
    assert detect(environ)["vcs.ref.head.revision"] == BASE_SHA
    assert detect(GITHUB | {"GITHUB_EVENT_PATH": str(event)})["vcs.ref.head.revision"] == SHA


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b'{"pull_request": 1}', b"\xff", b" " * (1 << 20)])
def test_an_event_file_that_cannot_be_read_is_no_error(tmp_path: Path, content: bytes) -> None:
    event = tmp_path / "event.json"
    event.write_bytes(content)
    for path in (str(event), str(tmp_path), "/no/such", "a\0b"):
        assert detect(GITHUB_PULL_REQUEST | {"GITHUB_EVENT_PATH": path})["vcs.ref.head.revision"] == SHA


def test_pull_request_target_runs_the_base_and_has_no_pull_request_fields() -> None:
    environ = GITHUB_PULL_REQUEST | {
        "GITHUB_EVENT_NAME": "pull_request_target",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": BASE_SHA,
    }
    assert refs(detect(environ)) == {
        "vcs.ref.head.name": "main",
        "vcs.ref.head.type": "branch",
        "vcs.ref.head.revision": BASE_SHA,
    }


def test_a_tag_on_github_is_a_tag() -> None:
    environ = GITHUB | {"GITHUB_REF": "refs/tags/v1.0", "GITHUB_REF_NAME": "v1.0", "GITHUB_REF_TYPE": "tag"}
    assert refs(detect(environ))["vcs.ref.head.type"] == "tag"


def test_a_trial_merge_is_no_branch() -> None:
    environ = GITHUB_PULL_REQUEST | {"GITHUB_EVENT_NAME": "pull_request_review", "GITHUB_HEAD_REF": ""}
    assert refs(detect(environ)) == {"vcs.ref.head.revision": SHA}


@pytest.mark.parametrize(
    ("provider", "marks"),
    [
        ("gitea_actions", {"GITEA_ACTIONS": "true"}),
        ("forgejo_actions", {"GITEA_ACTIONS": "true", "FORGEJO_ACTIONS": "true"}),
    ],
)
def test_a_fork_is_not_taken_for_github(provider: str, marks: dict[str, str]) -> None:
    found = detect(GITHUB | marks | {"GITHUB_SERVER_URL": "https://git.example.com"})
    assert found["beacon.run.provider"] == provider
    assert found["vcs.provider.name"] == "gitea"
    assert found["vcs.repository.url.full"] == "https://git.example.com/acme/widgets"
    assert "cicd.pipeline.run.url.full" not in found


def test_a_merge_request_on_gitlab() -> None:
    environ = GITLAB | {
        "CI_MERGE_REQUEST_IID": "5",
        "CI_MERGE_REQUEST_ID": "90210",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature/x",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_PIPELINE_SOURCE": "merge_request_event",
    }
    found = detect(environ)
    assert refs(found) == {
        "vcs.ref.head.name": "feature/x",
        "vcs.ref.head.type": "branch",
        "vcs.ref.head.revision": SHA,
        "vcs.ref.base.name": "main",
        "vcs.ref.base.type": "branch",
        "vcs.change.id": "5",
    }
    assert found["beacon.run.event"] == "merge_request_event"


def test_gitlab_has_its_names_and_never_its_job_token() -> None:
    found = detect(GITLAB)
    assert found["cicd.pipeline.name"] == "acme/tools/widgets"
    assert found["vcs.owner.name"] == "acme/tools"
    assert found["cicd.pipeline.task.run.url.full"].endswith("/-/jobs/2002")
    assert "glcbt" not in str(found)
    tag = {name: value for name, value in GITLAB.items() if name != "CI_COMMIT_BRANCH"}
    assert refs(detect(tag | {"CI_COMMIT_TAG": "v1", "CI_COMMIT_REF_NAME": "v1"}))["vcs.ref.head.type"] == "tag"


def test_jenkins_loses_credentials_and_the_remote_of_its_branch() -> None:
    found = detect(JENKINS)
    assert found["vcs.repository.url.full"] == "https://git.example.com/acme/widgets"
    assert found["vcs.ref.head.name"] == "main"
    assert found["cicd.pipeline.run.url.full"] == "https://ci.example.com/job/widgets/17/"
    assert found["cicd.worker.id"] == "linux-3/0"
    assert "hunter2" not in str(found)
    assert "vcs.ref.head.name" not in detect(JENKINS | {"GIT_BRANCH": "detached"})


def test_a_change_on_jenkins() -> None:
    environ = JENKINS | {
        "CHANGE_ID": "42",
        "CHANGE_BRANCH": "feature/x",
        "CHANGE_TARGET": "main",
        "BRANCH_NAME": "PR-42",
    }
    found = refs(detect(environ))
    assert (found["vcs.change.id"], found["vcs.ref.head.name"], found["vcs.ref.base.name"]) == (
        "42",
        "feature/x",
        "main",
    )


def test_circleci_has_the_number_of_its_pull_request_url() -> None:
    found = detect(CIRCLECI)
    assert found["vcs.change.id"] == "42"
    assert found["cicd.pipeline.task.run.id"] == "123.1"
    assert found["vcs.repository.url.full"] == "https://github.com/acme/widgets"
    assert found["vcs.provider.name"] == "github"
    assert "vcs.change.id" not in detect(CIRCLECI | {"CIRCLE_PULL_REQUEST": ""})
    tag = {name: value for name, value in CIRCLECI.items() if name != "CIRCLE_BRANCH"} | {"CIRCLE_TAG": "v1"}
    assert refs(detect(tag))["vcs.ref.head.type"] == "tag"


def test_buildkite_false_is_no_pull_request_and_head_is_no_revision() -> None:
    assert refs(detect(BUILDKITE)).keys() == {"vcs.ref.head.name", "vcs.ref.head.type", "vcs.ref.head.revision"}
    assert detect(BUILDKITE)["cicd.pipeline.task.run.url.full"].endswith("/builds/5#0190-job")
    assert "vcs.ref.head.revision" not in detect(BUILDKITE | {"BUILDKITE_COMMIT": "HEAD"})
    pull_request = {"BUILDKITE_PULL_REQUEST": "42", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"}
    assert refs(detect(BUILDKITE | pull_request))["vcs.change.id"] == "42"
    assert refs(detect(BUILDKITE | {"BUILDKITE_TAG": "v1", "BUILDKITE_BRANCH": "v1"}))["vcs.ref.head.type"] == "tag"


def test_azure_keeps_the_build_id_of_its_address() -> None:
    found = detect(AZURE)
    assert found["cicd.pipeline.run.url.full"] == "https://dev.azure.com/acme/My%20Project/_build/results?buildId=77"
    assert found["vcs.repository.url.full"] == "https://dev.azure.com/acme/My%20Project/_git/widgets"
    assert refs(detect(AZURE | {"BUILD_SOURCEBRANCH": "refs/tags/v1"}))["vcs.ref.head.type"] == "tag"
    pull_request = {
        "BUILD_SOURCEBRANCH": "refs/pull/42/merge",
        "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/feature/x",
        "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "42",
    }
    found = refs(detect(AZURE | pull_request))
    assert (found["vcs.ref.head.name"], found["vcs.ref.base.name"], found["vcs.change.id"]) == (
        "feature/x",
        "main",
        "42",
    )


@pytest.mark.parametrize("ci", ["false", "0", "False", " false "])
def test_ci_false_is_no_ci_whatever_else_is_set(ci: str) -> None:
    assert detect(GITHUB | {"CI": ci}) == {}
    assert facts(GITHUB | {"CI": ci}) == {}


@pytest.mark.parametrize(
    "environ", [{}, {"CI": ""}, {"HOME": "/home/alice"}, {"JENKINS_URL": "https://ci.example.com"}]
)
def test_without_a_sign_of_ci_there_is_none(environ: dict[str, str]) -> None:
    assert detect(environ) == {}
    assert facts(environ) == {}


def test_ci_alone_is_an_unknown_ephemeral_provider() -> None:
    assert detect({"CI": "true"}) == {"beacon.run.provider": "unknown", "beacon.run.ephemeral": "true"}
    assert facts({"CI": "1"})["cicd.provider"] == "unknown"


@pytest.mark.parametrize("revision", ["0" * 40, "null", "", "HEAD", "false"])
def test_no_revision_is_absent(revision: str) -> None:
    assert "vcs.ref.head.revision" not in detect(GITHUB | {"GITHUB_SHA": revision})


@pytest.mark.parametrize("environ", PROVIDERS.values(), ids=PROVIDERS)
@pytest.mark.parametrize(
    "value",
    ["a\nb\r\n\x1b[31mc\x00", "b" * 200_000, "\udcff\ud800x", "${GITHUB_TOKEN}", "$(id)", "://[", "http://[::1", "  "],
)
def test_no_value_is_fatal_or_breaks_a_line(environ: dict[str, str], value: str) -> None:
    for name in environ:
        for text in detect(environ | {name: value}).values():
            assert text.isprintable()
            assert text.encode()
            assert len(text) <= 3 * 2048


def test_the_table_has_one_row_a_provider_and_no_name_outside_the_conventions() -> None:
    table = provider_table()
    ids = [provider.id for provider in table.provider]
    assert len(set(ids)) == len(ids)
    assert ids.index("forgejo_actions") < ids.index("gitea_actions") < ids.index("github_actions")
    for provider in table.provider:
        assert provider.when
        assert not provider.like or provider.like in ids
        assert all(name.startswith(("cicd.", "vcs.", "beacon.run.")) for name in table.fields(provider))

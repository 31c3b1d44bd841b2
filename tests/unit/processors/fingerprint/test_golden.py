"""What every provider of the table says in a push, a pull request and a tag; `golden/` was checked by hand.

`environments/` holds the variables as the providers set them, with what must not come out (tokens) among them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beacon_core.processors.fingerprint import detect
from beacon_core.processors.fingerprint.detection import look_at_run
from beacon_core.processors.fingerprint.names import ATTRIBUTES
from beacon_core.processors.fingerprint.table import provider_table

HERE = Path(__file__).parent
EVENTS = HERE / "environments" / "events"
DETAILED = [row.id for row in provider_table().provider if provider_table().fields(row)]
CASES = [(provider, case) for provider in DETAILED for case in ("push", "pull_request", "tag")]
TOKEN = "made-up-token"
HOSTILE = ["a\nb\r\n\x1b[31mc\x00", "b" * 200_000, "a" * 500 + "\n", "\udcff\ud800x", "${GITHUB_TOKEN}", "$(id)"]
HOSTILE += ["://[", "http://[::1", "  ", "https://u:p@h/@x", "../../etc/passwd", "/dev/zero", "refs/heads/"]


def environment(provider: str, case: str) -> dict[str, str]:
    cases = json.loads((HERE / "environments" / f"{provider}.json").read_text("utf-8"))
    return {name: value.replace("{events}", str(EVENTS)) for name, value in cases[case].items()}


@pytest.mark.parametrize(("provider", "case"), CASES)
def test_a_provider_says_what_its_golden_file_says(provider: str, case: str) -> None:
    golden = json.loads((HERE / "golden" / f"{provider}.json").read_text("utf-8"))
    assert detect(environment(provider, case)) == golden[case]


@pytest.mark.parametrize(("provider", "case"), CASES)
def test_every_value_says_which_variable_it_comes_from(provider: str, case: str) -> None:
    environ = environment(provider, case)
    for name, found in look_at_run(environ).items():
        assert name in ATTRIBUTES
        origin = found.origin.rpartition(" in the file ")[2]
        assert origin == "the provider table" or any(part in environ for part in origin.split(", ")), (name, origin)


@pytest.mark.parametrize("provider", DETAILED)
def test_only_a_pull_request_has_a_number_and_a_base_and_only_a_tag_is_one(provider: str) -> None:
    push, pull, tag = (detect(environment(provider, case)) for case in ("push", "pull_request", "tag"))
    for found in (push, tag):
        assert not [name for name in found if name.startswith(("vcs.ref.base.", "vcs.change."))]
    assert push["vcs.ref.head.type"] == "branch"
    assert (tag["vcs.ref.head.type"], tag["vcs.ref.head.name"]) == ("tag", "v1.0")
    if provider != "teamcity":  # which does not say that it is one
        assert pull["vcs.change.id"] in {"42", "5"}
    assert pull.get("vcs.ref.head.name", "feature/x") == "feature/x"
    assert pull.get("vcs.ref.base.name", "main") == "main"


@pytest.mark.parametrize(("provider", "case"), CASES)
def test_p7_no_token_and_no_credential_of_an_address_comes_out(provider: str, case: str) -> None:
    assert TOKEN not in json.dumps(look_at_run(environment(provider, case)))
    for name, value in detect(environment(provider, case)).items():
        assert "@" not in value or not name.endswith(".url.full")


@pytest.mark.parametrize("provider", DETAILED)
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_of_any_variable_is_fatal_or_breaks_a_line(provider: str, value: str) -> None:
    environ = environment(provider, "pull_request")
    for name in environ:
        for text in detect(environ | {name: value}).values():
            assert text.isprintable()
            assert text.encode()
            assert len(text) <= 3 * 2048


@pytest.mark.parametrize("provider", DETAILED)
@pytest.mark.parametrize("ci", ["false", "0", "FALSE"])
def test_ci_false_is_no_ci(provider: str, ci: str) -> None:
    assert detect(environment(provider, "push") | {"CI": ci}) == {}


@pytest.mark.parametrize("provider", DETAILED)
def test_an_empty_environment_with_only_the_mark_of_a_provider_is_recognized(provider: str) -> None:
    row = next(row for row in provider_table().provider if row.id == provider)
    marks = {name: value for name, value in environment(provider, "push").items() if name in str(row.when)}
    found = detect(marks | ({"GITHUB_ACTIONS": "true"} if provider.endswith("_actions") else {}))
    assert found["beacon.run.provider"] == provider


@pytest.mark.parametrize(
    ("environ", "provider"),
    [
        ({"AGOLA_GIT_REF": "refs/heads/main"}, "agola"),
        ({"bamboo_planKey": "A-B"}, "bamboo"),
        ({"CF_PAGES": "1"}, "cloudflare_pages"),
        ({"WORKERS_CI": "1"}, "cloudflare_workers"),
        ({"CI_NAME": "codeship"}, "codeship"),
        ({"CI_NAME": "sourcehut"}, "sourcehut"),
        ({"NODE": "/app/.heroku/node/bin/node"}, "heroku"),
        ({"TASK_ID": "a", "RUN_ID": "1"}, "taskcluster"),
        ({"VERCEL": "1"}, "vercel"),
        ({"NOW_BUILDER": "1"}, "vercel"),
        ({"GERRIT_PROJECT": "p", "JENKINS_URL": "https://j", "BUILD_ID": "1"}, "jenkins"),
        ({"CI": "true", "XCS": "1"}, "xcode_server"),
        ({"NODE": "/usr/bin/node", "CI": "1"}, "unknown"),
        ({"TASK_ID": "a", "CI": "1"}, "unknown"),
        ({"CI_NAME": "other", "CI": "yes"}, "unknown"),
        ({"CI": "woodpecker", "DRONE": "true"}, "woodpecker"),
    ],
)
def test_what_is_only_recognized_and_what_is_recognized_first(environ: dict[str, str], provider: str) -> None:
    assert detect(environ)["beacon.run.provider"] == provider


def test_there_are_all_providers_and_each_has_its_files() -> None:
    assert len(DETAILED) == 19  # the 18 rows of the specification, of which the first is about two
    assert len(provider_table().provider) - len(DETAILED) == 37
    for folder in ("environments", "golden"):
        assert {path.stem for path in (HERE / folder).glob("*.json")} == set(DETAILED)

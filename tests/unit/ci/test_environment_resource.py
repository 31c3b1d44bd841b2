"""`OTEL_RESOURCE_ATTRIBUTES` ([C15]): what is in it, in which order, and that nobody reads anything else in it."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import OTELResourceDetector

from beacon_core.ci.resource_attributes import MAX_LENGTH, MAX_NAMES, encode, merge
from beacon_core.ci.run import run_attributes

RUN = {"beacon.run.id": "r1", "cicd.pipeline.name": "build", "beacon.run.provider": "github_actions"}
TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
NAMES = st.from_regex(r"[a-z][a-z.]{0,9}", fullmatch=True)


def names_of(text: str) -> list[str]:
    return [item.partition("=")[0] for item in text.split(",")] if text else []


def read_by_python(text: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", text)
    return dict(OTELResourceDetector().detect().attributes)


def read_by_javascript(text: str) -> dict[str, str]:
    """Read as the EnvDetector of @opentelemetry/resources does: one part it does not like, and nothing is left."""
    found = {}
    for item in text.split(","):
        parts = item.split("=")
        if len(parts) != 2:
            continue
        name, value = (part.strip() for part in parts)
        for each in (name, value):
            assert len(each) <= 255
            assert all(0x21 <= ord(c) <= 0x7E and c not in '",;\\' for c in each)
        found[name] = unquote(value, errors="strict")
    return found


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("", "cicd.pipeline.name=build,beacon.run.id=r1,beacon.run.provider=github_actions"),
        ("team=x", "team=x,cicd.pipeline.name=build,beacon.run.id=r1,beacon.run.provider=github_actions"),
        (
            "cicd.pipeline.name=mine",
            "cicd.pipeline.name=mine,beacon.run.id=r1,beacon.run.provider=github_actions",
        ),
        (
            "beacon.run.id=old,a=1,a=2",
            "a=2,cicd.pipeline.name=build,beacon.run.id=r1,beacon.run.provider=github_actions",
        ),
    ],
)
def test_c15_the_jobs_attributes_come_first_and_those_of_the_run_are_new(job: str, expected: str) -> None:
    assert merge(job, RUN) == (expected, ())


def test_c15_a_second_start_adds_nothing_twice() -> None:
    once = merge("team=a%20b", RUN).text
    assert merge(once, RUN).text == once
    assert merge(once, RUN | {"beacon.run.id": "r2"}).text == once.replace("=r1", "=r2")


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        (8, ["cicd.pipeline.name", "vcs.change.id", "beacon.run.id", "beacon.run.provider"]),
        (9, ["cicd.pipeline.name", "vcs.change.id", "beacon.run.id"]),
        (10, ["cicd.pipeline.name", "beacon.run.id"]),
        (11, ["beacon.run.id"]),
        (12, []),
    ],
)
def test_c15_over_twelve_names_the_runs_give_way_beacon_run_first(own: int, kept: list[str]) -> None:
    run = {"beacon.run.id": "r", "cicd.pipeline.name": "p", "vcs.change.id": "7", "beacon.run.provider": "g"}
    job = ",".join(f"k{n}=v" for n in range(own))
    merged = merge(job, run)
    assert names_of(merged.text) == [*(f"k{n}" for n in range(own)), *kept]
    assert merged.warnings == ()


def test_c15_the_jobs_attributes_are_never_cut_but_more_than_twelve_are_worth_a_warning() -> None:
    job = ",".join(f"k{n}=v" for n in range(13))
    merged = merge(job, RUN)
    assert merged.text == job
    assert "13 names" in merged.warnings[0]


def test_c15_what_is_no_attribute_is_left_out_with_a_warning_that_does_not_repeat_it() -> None:
    merged = merge("a=1, s3cret,=s3cret,b c=s3cret,,d = 2 ", {})
    assert merged.text == "a=1,d=2"
    assert len(merged.warnings) == 3
    assert "part 2" in merged.warnings[0]
    assert "s3cret" not in str(merged.warnings)


@pytest.mark.parametrize(
    ("value", "fixed"),
    [
        ("a=b", "a%3Db"),
        ("50%", "50%25"),
        ("é", "%C3%A9"),
        ('"x y"', "%22x%20y%22"),
        ("%FF", "%EF%BF%BD"),
        ("%2c", "%2c"),
    ],
)
def test_c15_what_sdks_read_differently_is_encoded_and_the_rest_stays(value: str, fixed: str) -> None:
    assert merge(f"a={value}", {}).text == f"a={fixed}"


def test_c15_a_value_for_which_javascript_would_drop_everything_is_left_out() -> None:
    assert merge("", {"a": "é" * (MAX_LENGTH // 6), "b": "é" * (MAX_LENGTH // 6 + 1)}).text.startswith("a=")
    assert "b=" not in merge("", {"a": "x", "b": "é" * 43}).text
    merged = merge("a=" + "x" * 256, {})
    assert merged.text == "a=" + "x" * 256
    assert "part 1" in merged.warnings[0]


@given(TEXT)
def test_c15_an_encoded_value_is_plain_ascii_and_decodes_to_itself(value: str) -> None:
    text = encode(value)
    assert unquote(text, errors="strict") == value
    assert not set(text) & set(',;=\\" \n\t')
    assert text.isascii()


@given(st.dictionaries(NAMES, TEXT, max_size=14), st.dictionaries(NAMES, TEXT, max_size=14))
def test_c15_both_sdks_read_the_jobs_and_the_runs_values_as_they_were(job: dict[str, str], run: dict[str, str]) -> None:
    text, _ = merge(",".join(f"{name}={encode(value)}" for name, value in job.items()), run)
    own = {name: value for name, value in job.items() if len(encode(value)) <= MAX_LENGTH}
    assert len(names_of(text)) == len(set(names_of(text)))
    assert len(names_of(text)) <= max(MAX_NAMES, len(job))
    with pytest.MonkeyPatch.context() as patch:
        python = read_by_python(text, patch)
    expected = {**{name: run[name] for name in names_of(text) if name not in job}, **job}
    assert python == expected
    if own == job:
        assert read_by_javascript(text) == {name: value for name, value in expected.items() if name in python}


@given(TEXT)
def test_c15_whatever_the_job_has_set_the_result_is_one_line_that_both_sdks_read(job: str) -> None:
    text, _ = merge(job, RUN)
    assert text.isprintable()
    with pytest.MonkeyPatch.context() as patch:
        python = read_by_python(text, patch)
    assert python["beacon.run.id"] == "r1"
    assert python == read_by_javascript(text)
    assert merge(text, RUN).text == text


def test_c15_the_runs_attributes_are_those_that_the_fingerprint_finds_without_names_of_people() -> None:
    job = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "77",
        "GITHUB_WORKFLOW": "Build, test = ship",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "octo/repo",
        "GITHUB_REF_NAME": "fix/é",
        "GITHUB_REF_TYPE": "branch",
        "GITHUB_ACTOR": "alice",
        "RUNNER_NAME": "host-7",
    }
    found = run_attributes(job, run_id="r1")
    assert found == {
        "beacon.run.id": "r1",
        "beacon.run.provider": "github_actions",
        "cicd.pipeline.name": "Build, test = ship",
        "cicd.pipeline.run.id": "77",
        "vcs.ref.head.name": "fix/é",
        "vcs.repository.url.full": "https://github.com/octo/repo",
    }
    assert next(iter(found)) == "beacon.run.id"
    assert run_attributes({}, run_id="r2") == {"beacon.run.id": "r2"}

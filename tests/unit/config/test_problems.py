from __future__ import annotations

import pytest

from beacon_core.config import InvalidConfigurationError, Origin, Problem, Problems, did_you_mean, suggest
from beacon_core.config.problems import path_text
from beacon_core.errors import ConfigurationError


def test_p10_a_problem_reads_file_line_column_path_message() -> None:
    problem = Problem(
        Origin("pipeline.yaml", 12, 5), "exporters.splunk_hec.endpont", 'unknown option; did you mean "endpoint"?'
    )
    assert str(problem) == 'pipeline.yaml:12:5 exporters.splunk_hec.endpont unknown option; did you mean "endpoint"?'


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (Origin("a/b.yaml", 3, 14), "a/b.yaml:3:14"),
        (Origin("a/b.yaml"), "a/b.yaml"),
        (Origin("--set exporters.x.y"), "--set exporters.x.y"),
        (Origin("BEACON__EXPORTERS__X"), "BEACON__EXPORTERS__X"),
    ],
)
def test_an_origin_shows_a_position_only_where_there_is_one(origin: Origin, text: str) -> None:
    assert str(origin) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("exporters", "file/archive", "path"), "exporters.file/archive.path"),
        (("overlays", 0, "when", "cicd.provider"), 'overlays[0].when."cicd.provider"'),
        (("service", "pipelines", "a b"), 'service.pipelines."a b"'),
        (("exporters", ""), 'exporters.""'),
    ],
)
def test_a_path_is_written_so_that_it_can_be_read_back(path: tuple[str | int, ...], text: str) -> None:
    assert path_text(path) == text


def test_problems_come_in_the_order_of_files_and_lines() -> None:
    problems = Problems()
    problems.register("z.yaml")
    problems.register("a.yaml")
    problems.add(Origin("--set a"), (), "last")
    problems.add(Origin("a.yaml", 1, 1), (), "third")
    problems.add(Origin("z.yaml", 10, 1), (), "second")
    problems.add(Origin("z.yaml", 9, 7), (), "first")
    assert [problem.message for problem in problems] == ["first", "second", "third", "last"]


def test_the_same_problem_twice_is_one() -> None:
    problems = Problems()
    assert not problems
    problems.add(Origin("a.yaml", 1, 1), ("x",), "wrong")
    problems.add(Origin("a.yaml", 1, 1), ("x",), "wrong")
    assert problems
    assert len(problems) == 1


def test_the_error_shows_one_problem_a_line() -> None:
    problems = Problems()
    problems.raise_if_any()
    problems.add(Origin("a.yaml", 2, 1), ("x",), "wrong")
    problems.add(Origin("a.yaml", 1, 1), ("y",), "wrong too")
    with pytest.raises(InvalidConfigurationError) as caught:
        problems.raise_if_any()
    assert str(caught.value) == str(problems) == "a.yaml:1:1 y wrong too\na.yaml:2:1 x wrong"
    assert isinstance(caught.value, ConfigurationError)
    assert [problem.path for problem in caught.value.problems] == ["y", "x"]


@pytest.mark.parametrize(
    ("word", "close"), [("endpont", "endpoint"), ("EndPoint", "endpoint"), ("tokn", "token"), ("zebra", "")]
)
def test_a_close_word_is_suggested(word: str, close: str) -> None:
    assert suggest(word, ["endpoint", "token"]) == close


def test_without_a_close_word_the_known_ones_are_named() -> None:
    assert did_you_mean("endpont", ["endpoint"]) == '; did you mean "endpoint"?'
    assert did_you_mean("zebra", ["token", "endpoint"]) == "; known: endpoint, token"
    assert did_you_mean("zebra", []) == ""

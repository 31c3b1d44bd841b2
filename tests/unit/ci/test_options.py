"""Durations and switches on the command line, and the receipt of several queues."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from beacon_core.cli import main
from beacon_core.cli.ci_options import seconds, switch
from beacon_core.receipt import ExporterReceipt, Receipt, add_up


@pytest.mark.parametrize(
    ("text", "value"), [("10s", 10.0), ("500ms", 0.5), ("2m", 120.0), ("1.5", 1.5), ("0", 0.0), ("1h", 3600.0)]
)
def test_a_duration_is_read(text: str, value: float) -> None:
    assert seconds(click.Context(click.Command("x")), click.Option(["--x"]), text) == value


@pytest.mark.parametrize("text", ["", "s", "10x", "-1s", "nan", "inf", "1 2s", "10sm"])
def test_what_is_no_duration_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter):
        seconds(click.Context(click.Command("x")), click.Option(["--x"]), text)


@pytest.mark.parametrize(
    ("words", "said"), [([], "None"), (["--on"], "True"), (["--on=true"], "True"), (["--on=false"], "False")]
)
def test_a_switch_can_be_given_with_and_without_a_value(words: list[str], said: str) -> None:
    @click.command()
    @switch("--on", "help")
    def command(on: bool | None) -> None:
        click.echo(str(on))

    assert CliRunner().invoke(command, words).output.strip() == said


def test_run_needs_a_pipeline_unless_it_drains() -> None:
    done = CliRunner().invoke(main, ["run"])
    assert done.exit_code == 2
    assert "Missing option" in done.output


def test_p3_receipts_of_several_queues_add_up_and_stay_balanced() -> None:
    def receipt(exporter: str, delivered: int, dropped: dict[str, int]) -> Receipt:
        line = ExporterReceipt(
            carried_over=delivered + sum(dropped.values()),
            accepted=0,
            delivered=delivered,
            filtered=0,
            dropped=dropped,
            dead_lettered=0,
            queued=0,
            possibly_duplicated=1,
        )
        return Receipt(balanced=line.balanced, received=0, deduplicated=0, refused={}, exporters={exporter: line})

    total = add_up([receipt("a", 2, {"x": 1}), receipt("a", 3, {"x": 1, "y": 2}), receipt("b", 5, {})])
    assert total.balanced
    assert total.exporters["a"].balanced
    assert (total.exporters["a"].delivered, total.exporters["a"].dropped) == (5, {"x": 2, "y": 2})
    assert total.exporters["b"].delivered == 5
    assert total.queued == 0

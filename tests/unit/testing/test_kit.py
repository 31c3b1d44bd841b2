"""The kit's own parts: it needs pytest for contracts only, its doubles and samples, and what watches a component."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import beacon_core.testing
from beacon_core import Host, QueueFullError, decode_batch, encode_batch, encode_lines
from beacon_core.testing import (
    SAMPLE_VALUES,
    HeldConsumer,
    ListConsumer,
    ManualClock,
    RefusingConsumer,
    make_batch,
    make_sample,
    make_samples,
)
from beacon_core.testing.watching import Call, bounded, changed, open_things, require, touched, wait_until


def test_pytest_is_needed_for_contracts_only() -> None:
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "import beacon_core.testing as kit\n"
        "for name in kit.__all__:\n"
        "    if not name.endswith('Contract'): getattr(kit, name)\n"
        "try: kit.QueueContract\n"
        "except ImportError: print('needs pytest')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "needs pytest\n"


def test_the_kit_names_what_it_has_and_nothing_else() -> None:
    assert dir(beacon_core.testing) == sorted(beacon_core.testing.__all__) == sorted(beacon_core.testing._HOMES)
    with pytest.raises(AttributeError, match="no attribute 'QueueContrakt'"):
        getattr(beacon_core.testing, "QueueContrakt")  # noqa: B009 - a name that is not there


# ---- doubles ----


def test_a_manual_clock_moves_only_when_it_is_told() -> None:
    clock = ManualClock()
    host = Host("test", clock=clock)
    before = host.clock()
    assert host.clock() == before
    clock.move(1.5)
    assert host.clock() - before == 1_500_000_000
    clock.move(-3)
    assert host.clock() - before == -1_500_000_000


def test_a_refusing_consumer_refuses_until_it_accepts() -> None:
    consumer = RefusingConsumer(QueueFullError("full"))
    for _ in range(2):
        with pytest.raises(QueueFullError):
            consumer.consume(make_batch())
    assert consumer.refused.is_set()
    consumer.accept()
    consumer.consume(make_batch(2))
    assert len(consumer.events) == 2


def test_a_held_consumer_holds_until_it_is_released() -> None:
    consumer = HeldConsumer()
    call = Call(lambda: consumer.consume(make_batch()))
    assert consumer.entered.wait(20)
    assert consumer.events == []
    consumer.release()
    call.result(20, "it is held")
    assert len(consumer.events) == 1


def test_a_list_consumer_raises_its_error_once() -> None:
    consumer = ListConsumer(QueueFullError("full"))
    with pytest.raises(QueueFullError):
        consumer.consume(make_batch())
    consumer.consume(make_batch())
    assert len(consumer.batches) == 1


# ---- samples ----


@pytest.mark.parametrize("kind", SAMPLE_VALUES)
def test_a_sample_of_every_kind_of_value_can_be_stored_and_written(kind: str) -> None:
    batch = make_samples(value=SAMPLE_VALUES[kind])
    assert repr(decode_batch(encode_batch(batch))) == repr(batch)
    assert encode_lines(batch).count(b"\n") == len(batch)


def test_samples_have_every_signal_and_every_kind_of_metric_and_ids_of_their_own() -> None:
    batch = make_samples(id="mine")
    assert [event.id for event in batch] == [f"mine-{n}" for n in range(15)]
    assert {event.signal for event in batch} == {"log", "metric", "span"}
    kinds = {event.metric.kind for event in batch if event.metric is not None}
    assert kinds == {"gauge", "sum", "histogram", "exponential_histogram", "summary"}


def test_a_sample_can_be_changed() -> None:
    event = make_sample("span", 3, name="own")
    assert (event.id, event.name, event.signal) == ("sample-3", "own", "span")


# ---- watching ----


def test_what_a_call_reads_writes_and_starts_is_noted(tmp_path: Path) -> None:
    with touched() as doings:
        (tmp_path / "file").write_text("x")
        (tmp_path / "file").read_text()
        thread = threading.Thread(target=time.sleep, args=(0.05,), name="started-here")
        thread.start()
    thread.join()
    assert [doing for doing in doings if str(tmp_path / "file") in doing]
    assert [doing for doing in doings if "thread" in doing]


def test_reading_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with changed() as doings:
        (tmp_path / "file").read_text()
        list(tmp_path.iterdir())
    assert doings == []
    with changed() as doings:
        (tmp_path / "folder").mkdir()
    assert len(doings) == 1


def test_what_other_threads_do_is_not_noted(tmp_path: Path) -> None:
    go, done = threading.Event(), threading.Event()

    def write() -> None:
        go.wait(20)
        (tmp_path / "file").touch()
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    with touched() as doings:
        go.set()
        assert done.wait(20)
    thread.join()
    assert doings == []


def test_open_files_and_threads_are_known(tmp_path: Path) -> None:
    before = open_things()
    with (tmp_path / "file").open("w"):
        more = open_things() - before
    assert open_things() <= before
    if Path("/proc/self/fd").exists():
        assert [thing for thing in more if str(tmp_path / "file") in thing]


def test_a_call_that_does_not_end_is_a_failure_and_not_a_hanging_test() -> None:
    end = threading.Event()
    with pytest.raises(AssertionError, match=r"it hangs \(waited for 0.01 s\)"):
        bounded(end.wait, 0.01, "it hangs")
    end.set()


def test_what_a_call_raises_or_returns_comes_back() -> None:
    assert bounded(lambda: 7, 20, "") == 7
    with pytest.raises(ZeroDivisionError):
        bounded(lambda: 1 // 0, 20, "")


def test_a_condition_that_does_not_come_true_is_a_failure() -> None:
    wait_until(lambda: True, 0, "")
    with pytest.raises(AssertionError, match="never"):
        wait_until(lambda: False, 0.01, "never")
    with pytest.raises(AssertionError, match="wrong"):
        require([], "wrong")

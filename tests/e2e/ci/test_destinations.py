"""Forwarding from a session: destinations that are up, slow, hanging or down, and the spool for later jobs."""

from __future__ import annotations

import json
import resource
import socket
import sys
import time

import psutil
import pytest

from beacon_core.testing import FaultyServer, Step
from plugins.splunk.tests.hec_server import HecServer
from tests.e2e.ci.job import BEACON, Job, body, post, wait

TOKEN = "11111111-2222-3333-4444-555555555555"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port: int = closed.getsockname()[1]
        return port


def splunk(job: Job, url: str) -> list[str]:
    job.environ["BEACON_CI_SPLUNK_HEC_TOKEN"] = TOKEN
    return ["--forward", "splunk", "--forward-endpoint", url]


def test_c11_splunk_gets_everything_and_the_token_comes_from_the_environment(job: Job) -> None:
    with HecServer(TOKEN) as hec:
        state = job.start(*splunk(job, hec.url))
        for number in range(5):
            post(state["endpoints"]["http"], body(10, f"event{number}"))
        outcome = job.stop()
    assert len(set(hec.ids)) == len(hec.ids) == 50
    assert hec.faults == []
    assert outcome["receipt"]["exporters"]["splunk_hec"]["delivered"] == 50
    assert (state["forward"], state["forward_endpoint"]) == ("splunk", hec.url)
    pipeline = (job.base / "pipeline.yaml").read_text()
    assert "${env:BEACON_CI_SPLUNK_HEC_TOKEN}" in pipeline
    assert TOKEN not in pipeline


def test_c11_the_endpoint_may_come_from_the_environment_as_well(job: Job) -> None:
    with HecServer(TOKEN) as hec:
        job.environ |= {"BEACON_CI_SPLUNK_HEC_TOKEN": TOKEN, "BEACON_CI_SPLUNK_HEC_ENDPOINT": hec.url}
        state = job.start("--forward", "splunk")
        assert state["forward_endpoint"] == hec.url
        post(state["endpoints"]["http"], body())
        job.stop()
    assert len(hec.ids) == 1


def test_c11_datadog_gets_everything(job: Job) -> None:
    job.environ["BEACON_CI_DATADOG_API_KEY"] = "0123456789abcdef0123456789abcdef"
    with FaultyServer(lambda _request: Step(status=202)) as intake:
        state = job.start("--forward", "datadog", "--forward-site", "datadoghq.eu", "--forward-endpoint", intake.url)
        post(state["endpoints"]["http"], body(7))
        outcome = job.stop()
    assert outcome["receipt"]["exporters"]["datadog"]["delivered"] == 7
    assert [request.path for request in intake.requests] == ["/api/v2/logs"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--forward", "splunk"], "BEACON_CI_SPLUNK_HEC_TOKEN"),
        (["--forward", "datadog"], "BEACON_CI_DATADOG_API_KEY"),
        (["--forward-endpoint", "https://h"], "--forward splunk or datadog"),
        (["--forward", "splunk", "--pipeline", "p.yaml"], "leave out --forward"),
        (["--forward", "splunk", "--forward-site", "datadoghq.eu"], "--forward-site is a Datadog site"),
    ],
)
def test_c11_what_is_missing_or_does_not_go_together_is_said(job: Job, options: list[str], said: str) -> None:
    done = job.ci("start", *options)
    assert done.returncode == 78
    assert said in done.stderr
    assert not job.base.exists()


@pytest.mark.parametrize("url", ["https://user:s3cret-pw@h:1", "https://h:1/?t=s3cret-pw", "s3cret-pw://h"])
def test_c4_p7_credentials_in_the_endpoint_are_refused_and_not_shown(job: Job, url: str) -> None:
    done = job.ci("start", *splunk(job, url))
    assert done.returncode == 78
    assert "s3cret-pw" not in done.stderr
    assert not job.base.exists()


def test_c5_c17_a_destination_that_hangs_takes_the_grace_and_no_more(job: Job) -> None:
    with FaultyServer(lambda _request: Step(delay=600)) as hanging:
        state = job.start(*splunk(job, hanging.url))
        post(state["endpoints"]["http"], body(3))
        wait(lambda: hanging.requests)
        began = time.monotonic()
        outcome = job.stop("--grace", "4s")
        assert time.monotonic() - began < 60
    assert outcome["clean"] is True
    assert outcome["queued"] == 3
    assert outcome["receipt"]["exporters"]["file"]["delivered"] == 3


def test_c17_what_a_destination_did_not_take_is_delivered_by_a_later_job(job: Job) -> None:
    spool = job.folder / "spool"
    port = closed_port()
    for number in range(2):  # two jobs leave something
        state = job.start(*splunk(job, f"http://127.0.0.1:{port}"), "--spool-dir", str(spool))
        post(state["endpoints"]["http"], body(3, f"event{number}"))
        outcome = job.stop("--grace", "3s")
        assert outcome["queued"] == 3
        assert not (job.base / "queue.db").exists()
    assert len(list(spool.glob("queue*.db"))) == 2
    drain = [BEACON, "run", "--drain", str(spool), "--receipt", "receipt.json", "--drain-timeout", "20s"]
    with HecServer(TOKEN) as hec:
        done = job.run(drain, environ={"BEACON_CI_SPLUNK_HEC_ENDPOINT": hec.url})
    assert done.returncode == 0, done.stderr
    assert len(set(hec.ids)) == 6
    receipt = json.loads((job.work / "receipt.json").read_text())
    assert receipt["balanced"]
    assert receipt["exporters"]["splunk_hec"]["carried_over"] == 6
    assert receipt["exporters"]["splunk_hec"]["delivered"] == 6


def test_c17_a_session_has_one_process_and_one_queue_whatever_the_job_says(job: Job) -> None:
    job.environ["BEACON__SERVICE__WORKERS"] = "2"
    state = job.start(*splunk(job, f"http://127.0.0.1:{closed_port()}"))
    assert "workers: 1" in (job.base / "pipeline.yaml").read_text()
    post(state["endpoints"]["http"], body(3))
    outcome = job.stop("--grace", "1s", "--spool-dir", str(job.folder / "spool"))
    assert outcome["queued"] == 3
    assert [path.name for path in (job.folder / "spool").glob("*.db")] == ["queue.db"]
    assert list(job.base.glob("*.db")) == []


def test_c17_a_drain_ends_at_its_deadline_and_says_what_is_left(job: Job) -> None:
    spool = job.folder / "spool"
    url = f"http://127.0.0.1:{closed_port()}"
    state = job.start(*splunk(job, url))
    post(state["endpoints"]["http"], body(3))
    outcome = job.stop("--grace", "3s", "--spool-dir", str(spool))
    assert outcome["spooled"] == str(spool / "queue.db")
    environ = {"BEACON_CI_SPLUNK_HEC_ENDPOINT": url}
    done = job.run([BEACON, "run", "--drain", str(spool), "--drain-timeout", "200ms"], environ=environ)
    assert done.returncode == 69
    assert "3 still queued" in done.stderr
    assert job.run([BEACON, "run", "--drain", str(job.work)]).returncode == 78


@pytest.mark.skipif(sys.platform != "linux", reason="the size limit of another process can be set on Linux only")
def test_a_full_disk_ends_in_order_and_keeps_what_was_accepted(job: Job) -> None:
    state = job.start()
    psutil.Process(state["pid"]).rlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    taken = 0
    while post(state["endpoints"]["http"], body(100, f"event{taken}")) == 200:
        taken += 1
        assert taken < 500
    outcome = job.stop("--grace", "4s")
    line = outcome["receipt"]["exporters"]["file"]
    assert line["accepted"] == taken * 100 == line["delivered"] + line["queued"]
    assert job.ci("start").returncode == 0
    job.state()
    outcome = job.stop("--require-telemetry=false")
    assert outcome["receipt"]["exporters"]["file"]["queued"] == 0
    assert len(job.lines()) == taken * 100

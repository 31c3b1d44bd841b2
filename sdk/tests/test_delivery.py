"""[T8, T9] Who gets the events, and what becomes of them after each answer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any, Callable

import pytest

from beacon_track import delivery, handover, spool, standing
from beacon_track.settings import Settings

PROGRAM = """
import json, os, pathlib, sys
told = {name: value for name, value in os.environ.items()}
stdio = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)] if sys.platform == "linux" else []
pathlib.Path(sys.argv[1], "told.json").write_text(json.dumps(
    {"environ": told, "argv": sys.argv, "session": os.getsid(0) == os.getpid(), "stdio": stdio}))
"""


def uids(records: list[dict[str, Any]]) -> list[str]:
    return [record["attributes"]["log.record.uid"] for record in records]


def test_t8_a_sidecar_gets_the_events_directly_and_nothing_stays(home: Any, server: Any) -> None:
    home.run("with_click", "env", "claim", BEACON_ENDPOINT=server.url, CI="1")
    ((path, headers, _),) = server.requests
    assert path == "/v1/logs"
    assert headers["Content-Type"] == "application/json"
    assert home.names("pending-") == home.names("journal-") == home.names("taken-") == []


def test_t8_otels_variables_name_a_sidecar_with_its_headers_unless_it_speaks_grpc(home: Any, server: Any) -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{server.url}/base/",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b, x-other=c",
        "CI": "1",
    }
    home.run("with_click", "env", "claim", **variables)
    ((path, headers, _),) = server.requests
    assert (path, headers["x-key"], headers["x-other"]) == ("/base/v1/logs", "a b", "c")
    home.run("with_click", "env", "claim", **variables, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert len(server.requests) == 1


def test_t8_a_header_that_would_end_its_line_is_left_out() -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS": "a=b%0d%0ac: d,e=f"}
    sidecar = delivery.sidecar(variables)
    assert sidecar is not None
    assert sidecar.headers == {"e": "f"}
    assert "f" not in repr(sidecar)


@pytest.mark.parametrize("url", ["", "127.0.0.1:4318", "ftp://127.0.0.1", "file:///etc/passwd"])
def test_t8_what_is_no_url_names_no_sidecar(url: str) -> None:
    assert delivery.sidecar({"BEACON_ENDPOINT": url}) is None


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("http://127.0.0.1:4318", True),
        ("http://localhost:4318", True),
        ("http://localhost", True),
        ("http://[::1]:4318", True),
        ("http://localhost.example:4318", False),
        ("http://collector:4318", False),
        ("https://127.0.0.1:4318", False),
    ],
)
def test_t8_a_command_itself_asks_this_machine_only_without_name_servers_and_tls(url: str, direct: bool) -> None:
    assert delivery.Destination(url).direct is direct


def test_t8_without_a_sidecar_a_process_of_its_own_delivers(home: Any, server: Any, wait: Callable[..., Any]) -> None:
    home.run("with_click", "env", "claim", ACME_ENDPOINT=server.url, ACME_TOKEN="t0ken-t0ken")
    wait(lambda: server.requests, "the flusher delivers")
    ((_, headers, _),) = server.requests
    assert headers["Authorization"] == "Bearer t0ken-t0ken"
    wait(lambda: not home.names("taken-"), "the file is deleted")
    assert home.names("pending-") == []
    assert b"t0ken-t0ken" not in home.everything()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells")
def test_t8_the_flusher_has_a_session_of_its_own_no_stdio_and_a_minimal_environment(
    home: Any, wait: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "flush.py").write_text(PROGRAM)
    script = (
        "import sys; from beacon_track import Telemetry\n"
        f"flush = [sys.executable, {str(tmp_path / 'flush.py')!r}]\n"
        "url = 'https://acme.example'\n"
        "t = Telemetry(app='acme', version='1', endpoint=url, token='t0ken-t0ken', flush_command=flush)\n"
        "with t.track('x'): pass\n"
    )
    environ = {**home.environ, "SECRET_OF_ACME": "s3cret", "AWS_SESSION_TOKEN": "s3cret"}
    subprocess.run([sys.executable, "-c", script], env=environ, check=True, timeout=60)
    wait((home.spool / "told.json").exists, "the application's own flusher runs")
    told = wait(lambda: json.loads((home.spool / "told.json").read_text() or "null"), "it has told")
    assert told["session"]
    assert told["stdio"] == ["/dev/null"] * 3
    assert told["argv"][1:] == [str(home.spool)]
    assert "s3cret" not in json.dumps(told["environ"])
    assert "t0ken" not in json.dumps(told["argv"])
    assert told["environ"]["BEACON_TRACK_DISABLED"] == "1"
    assert set(told["environ"]) <= handover._PASSED_ON | {
        *("BEACON_TRACK_DISABLED", "BEACON_TRACK_ENDPOINT", "BEACON_TRACK_HEADERS", "BEACON_TRACK_SPOOL"),
        *("PYTHONPATH", "PWD", "LC_CTYPE"),
    }


def test_t8_the_flusher_is_never_code_in_an_argument_and_a_frozen_application_has_to_name_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings(app="acme", version="1")
    assert handover.flusher_command(settings, "/d") == [sys.executable, "-m", "beacon_track", "flush", "/d"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert handover.flusher_command(settings, "/d") == []
    own = Settings(app="acme", version="1", flush_command=["acme", "_flush"])
    assert handover.flusher_command(own, "/d") == ["acme", "_flush", "/d"]


@pytest.fixture
def waiting(home: Any) -> list[str]:
    """The ids of events in three files that wait."""
    for _ in range(3):
        home.run("with_block")
    return uids(home.records())


def test_t9_what_was_delivered_is_removed(home: Any, server: Any, waiting: list[str]) -> None:
    assert home.flush(server.url) == 0
    assert sorted(uids(server.records())) == sorted(waiting)
    assert home.names("pending-") == home.names("taken-") == []


@pytest.mark.parametrize("status", [408, 429, 500, 503, 301])
def test_t9_408_429_5xx_and_redirects_keep_everything(home: Any, server: Any, waiting: list[str], status: int) -> None:
    server.answers = [(status, {"Location": f"{server.url}/elsewhere"})]
    assert home.flush(server.url) == 1
    assert len(server.requests) == 1  # the others are not tried
    assert uids(home.records()) == waiting


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_t9_any_other_4xx_drops_what_was_sent_and_counts_it(
    home: Any, server: Any, waiting: list[str], status: int
) -> None:
    server.answers = [status, 200]
    assert home.flush(server.url) == 0
    assert len(server.requests) == len(waiting) == 3
    assert home.names("pending-") == []
    assert standing.dropped(str(home.spool)) == 1
    assert "1 events were refused" in home.run("with_click", "telemetry", "status").stdout


def test_t9_network_errors_and_silence_keep_everything(home: Any, waiting: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert home.flush(url) == 1
    assert uids(home.records()) == waiting


def test_t7_what_one_command_could_not_send_the_next_one_does(home: Any, server: Any, wait: Callable[..., Any]) -> None:
    server.answers = [500, 200]
    home.run("with_click", "env", "claim", ACME_ENDPOINT=server.url)
    wait(lambda: server.requests and home.names("pending-"), "the file is given back")
    home.run("with_click", "env", "claim", ACME_ENDPOINT=server.url)
    wait(lambda: len(server.requests) == 3 and not home.names("taken-"), "both are delivered")
    assert len(set(uids(server.records()))) == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_t9_retry_after_is_honoured_for_that_destination(home: Any, server: Any, waiting: list[str], form: str) -> None:
    later = "120" if form == "seconds" else formatdate(time.time() + 120, usegmt=True)
    server.answers = [(429, {"Retry-After": later}), 200]
    assert home.flush(server.url) == 1
    until = json.loads((home.spool / "hold.json").read_text())["until"]
    assert 100 < until - time.time() <= 121
    assert home.flush(server.url) == 1
    home.run("with_click", "env", "claim", ACME_ENDPOINT=server.url)
    assert len(server.requests) == 1  # neither the flusher nor the command has asked again
    assert home.flush(f"{server.url}/other") == 0
    assert len(server.records()) == 1 + len(waiting) + 1


def test_t9_a_retry_of_a_file_is_the_same_request_byte_for_byte(home: Any, server: Any, waiting: list[str]) -> None:
    server.answers = [500, 200]
    home.flush(server.url)
    home.flush(server.url)
    assert server.requests[0][2] == server.requests[1][2]
    assert len(server.requests) == 1 + len(waiting)


def test_t9_what_a_sidecar_may_have_got_is_sent_again_byte_for_byte(home: Any, server: Any) -> None:
    server.answers = [500, 200]
    home.run("with_click", "env", "claim", "boom", BEACON_ENDPOINT=server.url, CI="1")
    assert home.flush(server.url) == 0
    assert server.requests[0][2] == server.requests[1][2]  # so that the sidecar can tell (promise P5)


def test_t9_what_is_queued_while_a_flush_runs_stays(home: Any, waiting: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        variables = {**home.environ, "BEACON_TRACK_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        command = [sys.executable, "-m", "beacon_track", "flush", str(home.spool)]
        process = subprocess.Popen(command, env=variables)
        link, _ = silent.accept()
        home.run("with_block")
        assert len(home.records()) == len(waiting)  # one is taken, one has come
        link.close()
        assert process.wait(60) == 1
    assert set(uids(home.records())) > set(waiting)


def test_t9_of_a_long_file_what_was_delivered_is_not_sent_again(home: Any, server: Any) -> None:
    home.spool.mkdir(parents=True, mode=0o700)
    record = b'{"eventName":"%d","attributes":[]}'
    line = b'{"resourceLogs":[{"resource":{"attributes":[]},"scopeLogs":[{"logRecords":[' + record + b"]}]}]}"
    spool.write(str(home.spool), "pending-1-a.jsonl", [line % number for number in range(1200)])
    server.answers = [200, 500, 200]
    assert home.flush(server.url) == 1
    assert len(home.records()) == 700
    assert home.flush(server.url) == 0
    numbers = [int(record["name"]) for record in server.records()]
    assert sorted(numbers) == sorted([*range(1200), *range(500, 1000)])  # the refused request, a second time


def test_t7_a_file_that_cannot_be_read_is_set_aside_and_the_others_are_sent(
    home: Any, server: Any, waiting: list[str]
) -> None:
    for number, content in enumerate([b"{", b"\xff\n", b'{"resourceLogs": 1}\n', b"[]\n"]):
        (home.spool / f"pending-1-{number}.jsonl").write_bytes(content)
    good = (home.spool / home.names("pending-")[-1]).read_bytes()
    (home.spool / "pending-1-mixed.jsonl").write_bytes(b"{\n" + good + b'{"cut off')
    assert home.flush(server.url) == 0
    assert len(home.names("corrupt-")) == 5
    assert len(server.requests) == len(waiting) + 1
    assert home.names("pending-") == home.names("taken-") == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_t9_in_ci_a_command_waits_for_its_flush_but_not_longer_than_two_seconds(home: Any, server: Any) -> None:
    home.run("with_click", "env", "claim", ACME_ENDPOINT=server.url, CI="true")
    assert len(server.requests) == 1  # it was there when the command had ended
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = home.run("with_click", "env", "claim", ACME_ENDPOINT=url, CI="true", BEACON_TRACK_TIMEOUT="")
        assert done.returncode == 0
        assert len(home.names("taken-")) == 1  # it goes on


def test_t9_a_server_that_trickles_does_not_hold_a_command_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def trickle() -> None:
            link, _ = server.accept()
            with link:
                try:
                    for sign in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
                        link.send(bytes([sign]))
                        time.sleep(0.02)
                except OSError:
                    pass

        thread = threading.Thread(target=trickle)
        thread.start()
        answer = delivery.post(delivery.Destination(f"http://127.0.0.1:{server.getsockname()[1]}"), b"{}", 0.2)
        assert (answer.status, answer.verdict) == (0, "keep")
        thread.join(60)  # it sees the end of the connection long before it is through
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "answer", [b"", b"\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 20"]
)
def test_t9_what_is_no_answer_keeps_everything(answer: bytes) -> None:
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def reply() -> None:
            link, _ = server.accept()
            with link:
                link.recv(65536)
                link.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert delivery.post(delivery.Destination(url), b"{}", 30).verdict == "keep"
        thread.join()


@pytest.mark.parametrize("url", ["http://127.0.0.1:", "http://127.0.0.1:99999", "http://127.0.0.1:x/", "http://[::1"])
def test_t9_an_address_that_is_none_keeps_everything(url: str) -> None:
    assert delivery.post(delivery.Destination(url), b"{}", 1).verdict == "keep"


def test_flushing_what_is_no_private_directory_is_refused(tmp_path: Path, home: Any, server: Any) -> None:
    (tmp_path / "target").mkdir()
    home.spool.parent.mkdir(parents=True)
    home.spool.symlink_to(tmp_path / "target")
    assert home.flush(server.url) == 1

"""gzip for request bodies: what every server can read, with isal and without."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib

import pytest

from beacon_core import gzip_body

BODIES = [b"", b"a", b"telemetry " * 100_000, bytes(range(256)) * 50]


@pytest.mark.parametrize("body", BODIES, ids=len)
def test_gzip_reads_back_what_was_compressed(body: bytes) -> None:
    assert gzip.decompress(gzip_body(body)) == body


def test_a_body_that_is_sent_again_is_the_same() -> None:
    assert gzip_body(BODIES[2]) == gzip_body(BODIES[2])
    assert gzip_body(BODIES[2])[4:8] == b"\x00" * 4  # no time in the header (RFC 1952, MTIME)


def test_without_isal_zlib_does_the_same() -> None:
    program = (
        "import sys; sys.modules['isal'] = None\n"
        "from beacon_core import gzip_body\n"
        "sys.stdout.buffer.write(gzip_body(sys.stdin.buffer.read()))"
    )
    done = subprocess.run([sys.executable, "-c", program], input=BODIES[2], capture_output=True, check=True)
    assert zlib.decompress(done.stdout, 31) == BODIES[2]

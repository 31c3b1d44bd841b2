"""Processes are recognized by more than their number, and ended in steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

from beacon_core.ci.processes import Stranger, end, identify

SLEEPER = "import time; print(flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
TWICE = (
    "import signal, sys, time\ncame = []\n"
    "def stop(*_):\n    came.append(1)\n    if len(came) > 1: sys.exit()\n"
    "signal.signal(signal.SIGTERM, stop); print(flush=True)\nwhile True: time.sleep(0.01)\n"
)


def begin(program: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


def stranger(process: subprocess.Popen[bytes]) -> Stranger:
    identity = identify(process.pid)
    assert identity is not None
    return Stranger(process.pid, identity)


def test_c5_a_process_is_recognized_until_it_has_ended() -> None:
    process = begin(SLEEPER)
    known = stranger(process)
    assert known.is_running()
    process.kill()
    while identify(process.pid) is not None:  # until it is a zombie
        time.sleep(0.01)
    assert not known.is_running()
    known.send(signal.SIGTERM)  # nobody is there
    process.wait()
    assert not known.is_running()


def test_c5_another_start_time_or_program_is_another_process_and_gets_no_signal() -> None:
    process = begin(SLEEPER)
    known = stranger(process)
    for identity in (
        replace(known.identity, start_time=known.identity.start_time - 60),
        replace(known.identity, executable="/bin/sh"),
    ):
        other = Stranger(process.pid, identity)
        assert not other.is_running()
        other.send(signal.SIGKILL)
        assert not end(other, 1)
    assert process.poll() is None
    process.kill()
    process.wait()


def test_c5_a_number_that_nobody_has_is_nobody() -> None:
    process = begin(SLEEPER)
    process.kill()
    process.wait()
    assert identify(process.pid) is None


def test_the_identity_is_that_of_the_program_that_runs() -> None:
    identity = identify(os.getpid())
    assert identity is not None
    started, booted = identity.start_time, identity.boot_time
    assert identity.matches(replace(identity, start_time=started + 0.01))
    assert not identity.matches(replace(identity, start_time=started + 0.1))
    assert identity.matches(replace(identity, start_time=started + 3600, boot_time=booted + 3600))  # the clock was set


def test_c5_a_process_that_obeys_comes_to_its_end_by_itself() -> None:
    process = begin(SLEEPER)
    assert end(stranger(process), 30)
    assert process.wait() == -signal.SIGTERM


def test_c5_who_goes_on_gets_a_second_signal_before_the_grace_is_over() -> None:
    process = begin(TWICE)
    assert end(stranger(process), 4)
    assert process.wait() == 0


def test_c5_who_is_in_a_hurry_sends_the_second_signal_at_once() -> None:
    process = begin(TWICE)
    assert end(stranger(process), 600, hurry=lambda: True)
    assert process.wait() == 0


def test_c5_who_does_not_obey_is_killed_after_the_grace() -> None:
    process = begin(STUBBORN)
    assert not end(stranger(process), 0.2)
    assert process.wait() == -signal.SIGKILL

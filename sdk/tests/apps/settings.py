"""What the applications of the tests have in common: their telemetry, and what they can be told to do."""

from __future__ import annotations

import os
import signal
import sys
import time

from beacon_track import Telemetry

#: The same application without telemetry: what it prints and how it ends is what is compared.
BARE = os.environ.get("BARE") == "1"

telemetry = Telemetry(
    app="acme",
    version="1.2.3",
    endpoint=os.environ.get("ACME_ENDPOINT", ""),
    token=os.environ.get("ACME_TOKEN", ""),
    consent="opt-in" if os.environ.get("ACME_OPT_IN") else "opt-out",
)


def act(what: str) -> int | None:
    """Do what the test wants to see; return an exit code, if any."""
    if what == "sleep":  # the signal is ignored where the tests run in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    print("working", flush=True)
    if what.startswith("exit"):
        sys.exit(int(what[4:]))
    elif what.startswith("return"):
        return int(what[6:])
    elif what == "message":
        sys.exit("a message")
    elif what == "boom":
        raise ValueError("boom at /srv/customer/x.py")
    elif what == "interrupt":
        raise KeyboardInterrupt
    elif what == "sleep":
        time.sleep(60)
    else:
        other(what)
    return None


def other(what: str) -> None:
    if what == "hard":
        os._exit(9)
    elif what == "thread":
        in_thread()
    elif what == "asyncio":
        in_asyncio()
    elif what == "fork":
        in_fork()
    elif what == "timeout":
        raise TimeoutError("too slow")
    elif what == "chained":
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError("second") from error


def in_thread() -> None:
    import threading

    thread = threading.Thread(target=lambda: 1 // 0, name="worker")
    thread.start()
    thread.join()


def in_asyncio() -> None:
    import asyncio

    async def main() -> None:
        if not BARE:
            telemetry.watch_loop()
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await asyncio.sleep(0.01)

    asyncio.run(main())


def in_fork() -> None:
    child = os.fork()
    if child == 0:
        sys.exit(5)
    _, status = os.waitpid(child, 0)
    print("child", os.WEXITSTATUS(status), flush=True)

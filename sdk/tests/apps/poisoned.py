"""An application that puts what must never get out into everything that telemetry can be told."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from beacon_track import Telemetry

POISON = os.environ["POISON"]
telemetry = Telemetry(app="acme", version=POISON, endpoint=os.environ.get("ACME_ENDPOINT", ""))


class PoisonedError(Exception):
    """An error whose class is called like a secret, too."""


PoisonedError.__qualname__ = POISON


async def in_loop() -> None:
    telemetry.watch_loop()

    def fail() -> None:
        raise PoisonedError(POISON)

    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0.01)


def fail() -> None:
    raise PoisonedError(POISON) from ValueError(POISON)


def main() -> None:
    if os.environ.get("HUSH"):
        sys.excepthook = lambda *_: None  # the program's own tracebacks
    with telemetry.session() as session, telemetry.track(POISON, [f"--{POISON}", POISON, f"--x={POISON}"]) as command:
        session.set(POISON, POISON)
        command.set("note", POISON)
        command.set(POISON, [POISON, POISON])
        command.outcome = POISON  # type: ignore[assignment]
        with telemetry.step(POISON) as step:
            step.set("password", "plainword")
        with telemetry.tool(POISON) as tool:
            tool.set("note", POISON)
        with telemetry.llm(POISON, provider=POISON) as call:
            call.set("note", POISON)
        telemetry.report(PoisonedError(POISON), POISON)
        thread = threading.Thread(target=fail, name=POISON)
        thread.start()
        thread.join()
        asyncio.run(in_loop())
        exec(compile("fail()", f"{POISON}.py", "exec"), {"fail": fail, "__name__": POISON})


main()

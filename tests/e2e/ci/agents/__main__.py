"""The long form: `make sessions RUNS=50`; prints a line for each combination, ends with 1 if anything was lost."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.ci.agents.campaign import DESTINATIONS, MODES, PYTHON_AGENT, run

HERE = Path(__file__).parent


def javascript_agent(folder: Path) -> tuple[str, ...] | None:
    """Return the agent on the SDK for JavaScript, as the real ones use; None where npm cannot get that."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return None
    for name in ("package.json", "agent.mjs"):
        shutil.copy(HERE / name, folder / name)
    done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=False)
    return ("node", str(folder / "agent.mjs")) if done.returncode == 0 else None


def main() -> int:
    """Run every agent in every mode with every destination."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.ci.agents", description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="beacon-agents-"))
    agents = {"python": PYTHON_AGENT, "javascript": javascript_agent(folder)}
    found = []
    for name, agent in agents.items():
        if agent is None:
            say(f"{name}: npm or its packages cannot be had, left out")
            continue
        for mode in MODES:
            for kind in DESTINATIONS:
                begin = time.monotonic()
                problems = [
                    problem
                    for number in range(options.runs)
                    for problem in run(folder / f"{name}-{mode}-{kind}-{number}", mode, kind, agent)
                ]
                took = time.monotonic() - begin
                say(f"{name:12}{mode:7}{kind:6}{options.runs:5} runs{took:8.0f} s  {len(problems)} problems")
                found += problems
    say("\n".join(found) or "nothing was lost")
    if not found:
        shutil.rmtree(folder)
    return 1 if found else 0


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

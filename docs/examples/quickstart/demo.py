"""Runs the quickstart: a recorded session of a real agent through `beacon run`, and a look at what came out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
BEACON = Path(sys.executable).with_name("beacon")
OUTPUT = Path(".demo")
SHOWN = ("beacon.prompt.text", "prompt", "process.command_line", "tool_parameters", "gen_ai.tool.name", "session.id")


def main() -> int:
    """Run the pipeline, replay the session, stop, show."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    print(f"$ beacon run --pipeline {os.path.relpath(HERE / 'pipeline.yaml')}")
    command = [str(BEACON), "run", "--pipeline", str(HERE.resolve() / "pipeline.yaml")]
    options = ["--ready-file", "ready.json", "--receipt", "receipt.json", "--log-level", "warning"]
    beacon = subprocess.Popen([*command, *options], cwd=OUTPUT, stderr=subprocess.PIPE, text=True)
    try:
        replay(endpoint(beacon))
        beacon.send_signal(signal.SIGTERM)
        _, receipt = beacon.communicate(timeout=60)
    finally:
        beacon.kill()
    show(OUTPUT / "telemetry.jsonl", receipt)
    return beacon.returncode


def endpoint(beacon: subprocess.Popen[str]) -> str:
    """Wait until Beacon is ready, and return where it listens."""
    ready = OUTPUT / "ready.json"
    for _ in range(1000):
        if ready.exists():
            url: str = json.loads(ready.read_text())["endpoints"]["otlp"]["http"]
            return url
        if beacon.poll() is not None:
            break
        time.sleep(0.02)
    raise SystemExit(f"beacon did not start: {beacon.communicate()[1]}")


def replay(url: str) -> None:
    """Send the recorded requests in their order."""
    for path in sorted((HERE / "session").glob("*.json")):
        signal_path = f"/v1/{path.stem.partition('_')[2]}"
        request = urllib.request.Request(url + signal_path, path.read_bytes(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            print(f"POST {signal_path}  {path.stat().st_size:6} bytes  -> {answer.status}")


def show(path: Path, receipt: str) -> None:
    """Print the events, shortened, and the receipt."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    print(f"\n{len(events)} events in {path}, without a secret:")
    for event in events:
        print(f"  {event['time']}  {event['signal']:6}  {event['name']}")
        for name in SHOWN:
            if isinstance(text := event["attributes"].get(name), str) and "[REDACTED" in text:
                print(f"      {name}: {text[:400]}")
    print(f"\nThe receipt ({OUTPUT}/receipt.json):\n{receipt}")


if __name__ == "__main__":
    sys.exit(main())

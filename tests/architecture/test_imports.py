"""What the command line may import before it knows what to do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FORBIDDEN = {
    *("asyncio", "httptools", "httpx", "msgspec", "opentelemetry", "platformdirs", "psutil", "pydantic"),
    *(
        "pydantic_settings",
        "sqlite3",
        "stevedore",
        "tenacity",
        "httptools",
        "uvloop",
        "yaml",
        "google",
        "email",
        "http",
    ),
}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["validate", "--help"],
        ["doctor", "--help"],
        ["components", "--help"],
        ["plugins", "--help"],
        ["queue", "--help"],
        ["fingerprint", "--help"],
        ["canonicalize", "--help"],
        ["sanitize", "--help"],
        ["telemetry", "--help"],
        ["ci", "--help"],
        *(["ci", command, "--help"] for command in ("exec", "start", "stop", "status", "validate", "print-pipeline")),
        ["report", "--help"],
    ],
)
def test_help_imports_click_and_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys, json, io, contextlib\n"
        "from beacon_core.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    try: main(json.loads(sys.argv[1]))\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "assert out.getvalue()\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "click" in loaded
    assert loaded & FORBIDDEN == set()

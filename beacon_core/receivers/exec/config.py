"""The options of the `exec` receiver, named as in Vector where it has the same."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self, TypeAlias

from pydantic import ByteSize, Field, model_validator

from beacon_core.config import ComponentConfig, Duration, Size
from beacon_core.lines import LineFormat

#: `jsonl` takes what is a JSON object as such, anything else as text.
ExecFormat: TypeAlias = Literal["auto", "claude_stream_json", "codex_json", "gemini_stream_json", "jsonl", "text"]

LINE_FORMATS: dict[ExecFormat, LineFormat] = {
    "auto": "auto",
    "claude_stream_json": "claude_stream_json",
    "codex_json": "codex_json",
    "gemini_stream_json": "gemini_stream_json",
    "jsonl": "json",
}


class ExecConfig(ComponentConfig):
    """Options of `exec`."""

    command: list[str] = Field(min_length=1)
    """The program and its arguments; no shell is involved."""

    format: ExecFormat = "auto"
    """What the command prints on standard output: a known agent's stream, JSON lines, or text. `auto` recognizes an
    agent by its first lines, and takes anything else as JSON where it is JSON, else as text."""

    allowed_tools: list[str] = Field(
        default=["Bash", "Edit", "Write", "Read", "Glob", "Grep", "Task", "WebFetch", "WebSearch"]
    )
    """Tools that Claude Code may use without asking: given to a command `claude` that does not say it itself. With an
    empty list nothing is given. Like the flags that make an agent print its stream, only with an agent's format."""

    stdin: Literal["none", "inherit"] = "none"
    """The command's standard input: nothing, or Beacon's own."""

    prompt_file: Path | None = None
    """A file that the command gets as its standard input, such as a prompt that should not stand in its arguments."""

    working_directory: Path | None = None
    """Where the command runs; where Beacon runs if absent."""

    environment: dict[str, str] = Field(default={})
    """Variables for the command, beside Beacon's own. Values of secret options of this configuration, such as an
    exporter's token, are not handed on otherwise."""

    clear_environment: bool = False
    """Give the command the variables in `environment` and no others."""

    include_stderr: bool = True
    """Make events of what the command prints on standard error, too."""

    tee: bool = False
    """Copy what the command prints to Beacon's own standard output and error, byte for byte and so not sanitized."""

    timeout: Duration | None = Field(default=None, gt=0)
    """How long the command may run; then it and all that it started get SIGTERM."""

    grace: Duration = 10.0
    """How long after SIGTERM what is left gets SIGKILL. At the end of Beacon itself it is shorter."""

    max_line_bytes: Size = Field(default=ByteSize(16 * 1024 * 1024), ge=1)
    """Of a longer line this much is kept, marked with `beacon.truncated`."""

    max_batch_events: int = Field(default=100, ge=1)
    """Events handed on together at most. Less are handed on when the command pauses."""

    @model_validator(mode="after")
    def _one_input(self) -> Self:
        if self.prompt_file is not None and self.stdin != "none":
            raise ValueError("prompt_file and stdin: inherit both say what standard input is; leave one out")
        return self

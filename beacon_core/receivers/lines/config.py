"""The options of the line receivers."""

from __future__ import annotations

from pydantic import ByteSize, Field

from beacon_core.config import ComponentConfig, Size
from beacon_core.lines import LineFormat


class LinesConfig(ComponentConfig):
    """What `stdin` and `file_input` have in common; all that `stdin` has."""

    format: LineFormat = "auto"
    """What a line is: `otlp_json` an OTLP request, `json` an event or any other object, `auto` decided line by line;
    or what an agent prints: `claude_stream_json`, `codex_json`, `gemini_stream_json`, which `auto` recognizes by the
    first lines of an input; or `hook`, messages of hooks."""

    max_line_bytes: Size = Field(default=ByteSize(16 * 1024 * 1024), ge=1)
    """A longer line is refused, in an agent's stream cut and marked; at most this much of one is kept in memory."""

    max_batch_events: int = Field(default=100, ge=1)
    """Events handed on together at most. Less are handed on when the input pauses."""


class FileInputConfig(LinesConfig):
    """Options of `file_input`; `include` and `exclude` as in the Collector's filelog receiver."""

    include: list[str] = Field(min_length=1)
    """Paths and glob patterns (`*`, `?`, `[...]`, `**` for any depth) of files to read, once, from their beginning."""

    exclude: list[str] = Field(default=[])
    """Paths and glob patterns of files that `include` matches but that are not to be read."""

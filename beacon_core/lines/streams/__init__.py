"""What coding agents print on stdout, one JSON object a line -> events with the agent's own names.

An event of a stream is a log event whose attribute `beacon.source` is `stdout`. Where the agent says the same over OTLP
its attributes have the names that they have there, so that one table maps both. A line with several blocks becomes
several events; what a line needs of an earlier one (which tool a result is of) the stream remembers. What all of it
means stands in the tables of `canonicalize`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from beacon_core.lines.log_event import Members
from beacon_core.lines.streams.claude import ClaudeStream, resumes
from beacon_core.lines.streams.codex import CodexStream
from beacon_core.lines.streams.flags import StreamCommand, stream_command
from beacon_core.lines.streams.gemini import GeminiStream
from beacon_core.lines.streams.stream import AgentStream

__all__ = ["STREAMS", "AgentStream", "StreamCommand", "recognized", "resumes", "stream_command"]

#: Format -> what decodes it.
STREAMS: Final[Mapping[str, type[AgentStream]]] = {
    "claude_stream_json": ClaudeStream,
    "codex_json": CodexStream,
    "gemini_stream_json": GeminiStream,
}


def recognized(members: Members) -> type[AgentStream] | None:
    """Return the stream of the agent that prints such a line, None if none of the known ones does."""
    return next((stream for stream in STREAMS.values() if stream.prints(members)), None)

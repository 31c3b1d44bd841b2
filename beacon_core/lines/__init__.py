"""Lines of text <-> events: cutting, decoding, handing over. What receivers that read lines have in common."""

from beacon_core.lines.decoder import LineDecoder, LineFormat, text_event
from beacon_core.lines.decoding import PlainFormat, decode_events, decode_object, without_bom
from beacon_core.lines.handover import Handover, Stop
from beacon_core.lines.hooks import hook_event
from beacon_core.lines.splitter import CutLine, LineSplitter
from beacon_core.lines.streams import STREAMS, AgentStream, resumes, stream_command

__all__ = [
    "STREAMS",
    "AgentStream",
    "CutLine",
    "Handover",
    "LineDecoder",
    "LineFormat",
    "LineSplitter",
    "PlainFormat",
    "Stop",
    "decode_events",
    "decode_object",
    "hook_event",
    "resumes",
    "stream_command",
    "text_event",
    "without_bom",
]

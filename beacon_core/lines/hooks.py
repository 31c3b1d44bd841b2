"""Messages of agents' hooks -> events: Beacon's envelope, or what the agent itself gives to a hook.

The envelope is one JSON object:

    {"agent": "my_agent", "event": "tool.finished", "session_id": "...", "time": "2026-11-20T03:25:13Z",
     "id": "...", "data": {...}}

`agent` and `event` are required. `data` becomes the event's attributes. With an `id`, the same message sent again is
the same event.

What Claude Code writes to a hook's standard input, and posts to a hook of the type `http`, is taken as it is: it has
`hook_event_name` and `session_id` beside the members of the event (vendor's hooks reference; tried with 2.1.197,
see tests/agents). Gemini CLI and Codex CLI document that form, too; whose message it is the sender says.
"""

from __future__ import annotations

import re
from typing import Any, Final

from beacon_core.errors import InvalidDataError
from beacon_core.event import Attributes, Event, parse_rfc3339
from beacon_core.lines.log_event import Members

CLAUDE: Final = "claude_code"
_SERVICES: Final = {CLAUDE: "claude-code"}  # as the agent calls itself over OTLP
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_ENVELOPE: Final = frozenset({"agent", "event", "session_id", "time", "id", "data"})


def hook_event(members: Members, received_unix_nano: int, agent: str = CLAUDE) -> Event:
    """Return the log event `hook.<event>` of a message; its id is the message's, empty if it has none.

    Args:
        members: the message.
        received_unix_nano: when it came.
        agent: whose message it is if it does not say so.

    Raises:
        InvalidDataError: it is no message of a hook; the text quotes none of its values.
    """
    if "hook_event_name" in members:
        data = {
            key: value for key, value in members.items() if key not in {"hook_event_name", "session_id", "timestamp"}
        }
        said = members.get("timestamp")
        return _event(agent, members["hook_event_name"], data, members, said=said, received=received_unix_nano)
    missing = {"agent", "event"} - members.keys()
    if missing:
        raise InvalidDataError(f'not a hook\'s message: it has neither hook_event_name nor "{min(missing)}"')
    unknown = members.keys() - _ENVELOPE
    if unknown:
        known = ", ".join(sorted(_ENVELOPE))
        raise InvalidDataError(f"a member of the envelope is unknown; there are {known}, the rest goes into data")
    data = members.get("data", {})
    if not isinstance(data, dict):
        raise InvalidDataError("data of a hook's message is no object")
    said = members.get("time")
    return _event(members["agent"], members["event"], data, members, said=said, received=received_unix_nano)


def _event(agent: Any, name: Any, data: Members, members: Members, *, said: Any, received: int) -> Event:
    for what, value in (("agent", agent), ("event", name)):
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise InvalidDataError(f"the {what} of a hook's message is no name of letters, digits, dots, _ and -")
    attributes: Attributes = {key: value for key, value in data.items() if value is not None}
    attributes["beacon.source"] = "hook"
    session, own = members.get("session_id"), members.get("id")
    if isinstance(session, str) and session:
        attributes["session.id"] = session
    time = parse_rfc3339(said) if isinstance(said, str) else None
    return Event(
        id=own if isinstance(own, str) else "",
        signal="log",
        name=f"hook.{name}",
        time_unix_nano=time if time is not None and time > 0 else received,
        observed_time_unix_nano=received,
        attributes=attributes,
        resource={"service.name": _SERVICES.get(agent, agent)},
    )

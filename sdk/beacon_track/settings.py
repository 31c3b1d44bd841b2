"""What an application says about its telemetry, checked once: a mistake here is the author's and is told at once."""

from __future__ import annotations

import os

from beacon_track.outcomes import OUTCOMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from beacon_track.consent import Default
    from beacon_track.outcomes import Outcome

_APP_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


class Settings:
    """The arguments of `Telemetry`, which describes them.

    Raises:
        ValueError: one of them cannot be right.
    """

    def __init__(
        self,
        *,
        app: str,
        version: str,
        endpoint: str = "",
        pipeline: str | os.PathLike[str] = "",
        token: str = "",
        consent: Default = "opt-out",
        commands: Collection[str] | None = None,
        outcomes: Mapping[type[BaseException], Outcome] | None = None,
        flush_command: Sequence[str] = (),
        notice: str | None = None,
    ) -> None:
        self.app = app
        self.version = version
        self.endpoint = endpoint.rstrip("/")
        self.pipeline = os.path.abspath(pipeline) if pipeline else ""
        self.token = token
        self.consent: Default = consent
        self.commands = None if commands is None else frozenset(commands)
        self.outcomes: Mapping[type[BaseException], Outcome] = outcomes or {}
        self.flush_command = tuple(flush_command)
        self.notice = notice
        self._check()

    def __repr__(self) -> str:
        return f"Settings(app={self.app!r}, version={self.version!r})"

    def _check(self) -> None:
        if not self.app or not _APP_SIGNS.issuperset(self.app) or self.app.startswith("."):
            raise ValueError(f"app {self.app!r}: lower-case letters, digits, '.', '_' and '-' only, such as 'acme'")
        if self.endpoint and self.pipeline:
            raise ValueError("endpoint and pipeline: give one of them; a pipeline has its own destinations")
        if self.endpoint and not self.endpoint.startswith(("https://", "http://")):
            raise ValueError("endpoint: an http(s) URL such as 'https://telemetry.example', to which /v1/logs is added")
        if self.token and self.endpoint.startswith("http://") and not is_local(self.endpoint):
            raise ValueError("token: goes over https only, except to this machine")
        if self.consent not in ("opt-in", "opt-out"):
            raise ValueError(f"consent {self.consent!r}: 'opt-out' or 'opt-in'")
        wrong = set(self.outcomes.values()) - OUTCOMES
        if wrong:
            raise ValueError(f"outcomes: {', '.join(sorted(wrong))}; there are {', '.join(sorted(OUTCOMES))}")


def is_local(url: str) -> bool:
    """Return whether a URL is that of a server on this machine, which takes no name server to find."""
    host = url.partition("://")[2].partition("/")[0]
    return host.startswith(("127.", "localhost:", "[::1]")) or host == "localhost"

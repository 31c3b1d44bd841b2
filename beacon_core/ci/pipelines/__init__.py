"""Which pipeline a session runs: the one that ships with Beacon, forwarded or not, or the user's own ([C11])."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from beacon_core.ci.directories import Places
from beacon_core.ci.session import Session
from beacon_core.errors import ConfigurationError

FOLDER = Path(__file__).parent
DESTINATIONS = ("splunk", "datadog")
#: What holds the credentials; the pipelines refer to them by these names.
CREDENTIALS = {"splunk": "BEACON_CI_SPLUNK_HEC_TOKEN", "datadog": "BEACON_CI_DATADOG_API_KEY"}
_ENDPOINTS = {"splunk": "BEACON_CI_SPLUNK_HEC_ENDPOINT", "datadog": "BEACON_CI_DATADOG_ENDPOINT"}
_SITE = "BEACON_CI_DATADOG_SITE"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the user asked for.

    Attributes:
        files: pipeline files of one's own; empty for the one that ships.
        forward: `splunk` or `datadog`; None to forward nothing.
        endpoint: URL of the destination, from the command line.
        site: the Datadog site, from the command line.
    """

    files: Sequence[Path] = ()
    forward: str | None = None
    endpoint: str | None = None
    site: str | None = None

    def forward_endpoint(self, environ: Mapping[str, str]) -> str | None:
        """Return where events are forwarded to, without credentials; None for the destination's default."""
        if self.forward is None:
            return None
        return self.endpoint or environ.get(_ENDPOINTS[self.forward]) or None

    def check(self, environ: Mapping[str, str]) -> None:
        """See that what was asked for goes together and that nothing is missing.

        Raises:
            ConfigurationError: with what to do.
        """
        if self.forward is None:
            if self.endpoint or self.site:
                raise ConfigurationError("--forward-endpoint and --forward-site need --forward splunk or datadog")
            return
        if self.files:
            raise ConfigurationError("with --pipeline the destinations stand in the file; leave out --forward")
        if self.site and self.forward != "datadog":
            raise ConfigurationError("--forward-site is a Datadog site; Splunk has a --forward-endpoint")
        if not environ.get(CREDENTIALS[self.forward]):
            raise ConfigurationError(
                f"--forward {self.forward} needs a token in the variable {CREDENTIALS[self.forward]}"
            )
        endpoint = self.forward_endpoint(environ)
        if self.forward == "splunk" and not endpoint:
            raise ConfigurationError(f"--forward splunk needs --forward-endpoint, or a URL in {_ENDPOINTS['splunk']}")
        if endpoint is not None:
            _check_url(endpoint)

    def pipeline_files(self, environ: Mapping[str, str]) -> list[Path]:
        """Return the files to run, later ones over earlier ones."""
        if self.files:
            return [FOLDER / "own.yaml", *self.files]
        names = ["pipeline"]
        if self.forward is not None:
            names.append(self.forward)
        if self.forward == "datadog" and self.forward_endpoint(environ):
            names.append("datadog-endpoint")
        return [FOLDER / f"{name}.yaml" for name in names]

    def variables(self, environ: Mapping[str, str], places: Places, http_port: int) -> dict[str, str]:
        """Return the variables that the pipeline files refer to, but for credentials: the sidecar inherits those."""
        found = {
            "BEACON_CI_HTTP_ENDPOINT": f"127.0.0.1:{http_port}",
            "BEACON_CI_LOG_PATH": str(places.log),
            "BEACON_CI_QUEUE_PATH": str(places.queue),
        }
        endpoint = self.forward_endpoint(environ)
        if self.forward is not None and endpoint is not None:
            found[_ENDPOINTS[self.forward]] = endpoint
        if self.site:
            found[_SITE] = self.site
        return found


def variables_of(session: Session) -> dict[str, str]:
    """Return the variables that the pipeline of a session that has ended refers to, but for credentials."""
    found = {"BEACON_CI_LOG_PATH": session.log_path}
    if session.forward in _ENDPOINTS and session.forward_endpoint is not None:
        found[_ENDPOINTS[session.forward]] = session.forward_endpoint
    return found


def _check_url(endpoint: str) -> None:
    """Refuse a URL that could hold a credential: the state file and the receipt show it."""
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        raise ConfigurationError("the endpoint to forward to is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError("the endpoint to forward to is a URL such as https://splunk.example:8088")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigurationError("the endpoint to forward to has no user name, password, query or fragment")

"""The options of the Splunk exporter."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from pydantic import ByteSize, Field, SecretStr, field_validator

from beacon_core import BatchOptions, Duration, ExporterConfig, Secret, Size, TlsOptions

_COLLECTOR = "/services/collector"
_EVENT_PATHS = (f"{_COLLECTOR}/event/1.0", f"{_COLLECTOR}/event", _COLLECTOR)


def event_url(endpoint: str) -> str:
    """Return the URL that events are posted to; `endpoint` is an origin, a base ending in `/services/collector`, or it.

    Raises:
        ValueError: if it is none of them; the text shows nothing of a user name, password or query.
    """
    parts = urlsplit(endpoint.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("give a URL such as https://splunk.example:8088")
    if parts.username is not None or parts.password is not None:
        raise ValueError("no user name or password belongs into the URL; the token has an option of its own")
    if parts.query or parts.fragment:
        raise ValueError("no query and no fragment belong into the URL")
    _ = parts.port  # raises ValueError where it is not a number
    path = parts.path.rstrip("/")
    ending = next((known for known in _EVENT_PATHS if path.endswith(known)), None)
    if path and ending is None:
        raise ValueError(f"the path has to be empty or end in {_COLLECTOR} or {_COLLECTOR}/event")
    prefix = path.removesuffix(ending or "")
    return urlunsplit((parts.scheme, parts.netloc, f"{prefix}{_COLLECTOR}/event", "", ""))


class SplunkHecConfig(ExporterConfig):
    """Options of `splunk_hec`."""

    endpoint: str
    """Origin of the collector, such as `https://splunk.example:8088`; with or without `/services/collector/event`."""

    token: Secret
    """HEC token."""

    index: str | None = Field(default=None, min_length=1)
    """Index, unless an event's `com.splunk.index` says otherwise. Unset: the token's default."""

    source: str | None = Field(default=None, min_length=1)
    """Source, unless `com.splunk.source` says otherwise. Unset: the token's default."""

    sourcetype: str | None = Field(default=None, min_length=1)
    """Source type, unless `com.splunk.sourcetype` says otherwise. Unset: the token's default."""

    host: str | None = Field(default=None, min_length=1)
    """Host, unless `host.name` says otherwise. Unset: Splunk takes the sender's address."""

    timeout: Duration = Field(default=30.0, gt=0)
    """How long to wait for an answer. Short ones make duplicates: Splunk may store what was not confirmed in time."""

    tls: TlsOptions = TlsOptions()
    """Certificates."""

    disable_compression: bool = False
    """Send bodies without gzip."""

    max_content_length: Size = Field(default=ByteSize(2_000_000), gt=0)
    """Bytes of a request's body before compression. Splunk Cloud refuses a little more than 5 MB."""

    batch: BatchOptions = BatchOptions(max_events=1000, max_bytes=ByteSize(512 * 1024))
    """How events are put together; about twice as many bytes on the wire, where every event repeats its resource."""

    @field_validator("endpoint")
    @classmethod
    def _is_an_endpoint(cls, value: str) -> str:
        event_url(value)
        return value

    @field_validator("token")
    @classmethod
    def _fits_into_a_header(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip()  # a file with a token ends with a newline
        if not token:
            raise ValueError("the token is empty")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("the token has characters that no HEC token has")
        return SecretStr(token)

"""The options of the Splunk exporter."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, ByteSize, Field, SecretStr, field_validator

from beacon_core import BatchOptions, ComponentConfig, Duration, ExporterConfig, Secret, Size, TlsOptions
from beacon_splunk.fields import is_reserved
from beacon_splunk.templates import Template

_COLLECTOR = "/services/collector"
_OWN_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-splunk-request-channel",
    }
)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
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


def health_url(endpoint: str) -> str:
    """Return the URL that says how the collector is."""
    return event_url(endpoint).removesuffix("/event") + "/health"


def _filled_in(pattern: str) -> str:
    Template(pattern)
    return pattern


def _is_no_reserved_name(name: str) -> str:
    if is_reserved(name):
        raise ValueError("Splunk keeps this name for itself")
    return name


#: Text that may hold `{{ attribute }}`.
Pattern: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_filled_in)]
_FieldName: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_is_no_reserved_name)]


class MetadataAttributes(ComponentConfig):
    """Which attributes of an event or its resource give the metadata of its object; they are no fields then."""

    host: str = Field(default="host.name", min_length=1)
    """Attribute that gives the host."""

    source: str = Field(default="com.splunk.source", min_length=1)
    """Attribute that gives the source."""

    sourcetype: str = Field(default="com.splunk.sourcetype", min_length=1)
    """Attribute that gives the source type."""

    index: str = Field(default="com.splunk.index", min_length=1)
    """Attribute that gives the index."""


class FieldNames(ComponentConfig):
    """Names of the fields that hold what is no attribute of a log."""

    severity_text: _FieldName = "otel.log.severity.text"
    """Field of the severity in words."""

    severity_number: _FieldName = "otel.log.severity.number"
    """Field of the severity as a number."""

    name: _FieldName = "otel.log.name"
    """Field of the event's name."""


class MetricMetadata(ComponentConfig):
    """What metric points get in place of the options of the same names."""

    index: Pattern | None = None
    """Index of metric points: a metrics index. Unset: that of `index`."""

    source: Pattern | None = None
    """Source of metric points. Unset: that of `source`."""

    sourcetype: Pattern | None = None
    """Source type of metric points. Unset: that of `sourcetype`."""


class AcknowledgementOptions(ComponentConfig):
    """When events count as delivered: accepted by Splunk, or stored by its indexers. Named as in Vector."""

    indexer_acknowledgements_enabled: bool | None = None
    """`true`: nothing is sent with a token that has no indexer acknowledgement. `false`: accepted is delivered. Unset:
    acknowledgements are waited for if the token gives them."""

    query_interval: Duration = Field(default=10.0, gt=0)
    """Longest wait between two questions for an acknowledgement. The first waits are 1, 2, 4 and 8 s."""

    timeout: Duration = Field(default=300.0, gt=0, le=480)
    """How long to wait for an acknowledgement, 8 minutes at most. After it the events are sent again, and counted as
    possible duplicates."""


def ack_url(endpoint: str) -> str:
    """Return the URL where acknowledgements are asked for."""
    return f"{event_url(endpoint).removesuffix('/event')}/ack"


def is_cloud(endpoint: str) -> bool:
    """Say whether an endpoint is Splunk's own cloud."""
    return (urlsplit(endpoint.strip()).hostname or "").endswith(".splunkcloud.com")


class SplunkHecConfig(ExporterConfig):
    """Options of `splunk_hec`."""

    endpoint: str
    """Origin of the collector, such as `https://splunk.example:8088`; with or without `/services/collector/event`."""

    token: Secret
    """HEC token."""

    index: Pattern | None = None
    """Index, unless `com.splunk.index` says otherwise; may hold `{{ attribute }}`. Unset: the token's default."""

    source: Pattern | None = None
    """Source, unless `com.splunk.source` says otherwise; may hold `{{ attribute }}`. Unset: the token's default."""

    sourcetype: Pattern | None = None
    """Source type, unless `com.splunk.sourcetype` says otherwise; may hold `{{ attribute }}`. Unset: the token's."""

    host: Pattern | None = None
    """Host, unless `host.name` says otherwise; may hold `{{ attribute }}`. Unset: Splunk takes the sender's address."""

    metrics: MetricMetadata = MetricMetadata()
    """What metric points get in place of the options of the same names."""

    otel_attrs_to_hec_metadata: MetadataAttributes = MetadataAttributes()
    """Which attributes give the metadata."""

    otel_to_hec_fields: FieldNames = FieldNames()
    """Names of fields."""

    use_multi_metric_format: bool = True
    """Put measurements of one point into one object, such as count and sum. `false`: one object for each."""

    acknowledgements: AcknowledgementOptions = AcknowledgementOptions()
    """When events count as delivered."""

    timeout: Duration = Field(default=30.0, gt=0)
    """How long to wait for an answer. Short ones make duplicates: Splunk may store what was not confirmed in time."""

    tls: TlsOptions = TlsOptions()
    """Certificates."""

    proxy_url: str | None = None
    """Proxy for all requests, without user and password. Unset: that of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`."""

    headers: dict[str, Secret] = Field(default_factory=dict)
    """Headers to add, by name, for a gateway in front of Splunk; the values are secrets."""

    disable_compression: bool = False
    """Send bodies without gzip."""

    max_content_length: Size = Field(default=ByteSize(2 * 1024 * 1024), gt=0)
    """Bytes of a request's body before compression. For Splunk Cloud 5 MiB at most are used: it refuses more."""

    max_event_size: Size = Field(default=ByteSize(5_000_000), gt=0)
    """Bytes of one event; a larger one is not sent and becomes a dead letter. Splunk Cloud takes about 5 MB."""

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

    @field_validator("proxy_url")
    @classmethod
    def _is_a_proxy(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://none")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
            raise ValueError("give a URL such as http://proxy.example:3128")
        if parts.username is not None or parts.password is not None:
            raise ValueError("no user name or password belongs here; a proxy that wants them is set by HTTPS_PROXY")
        return value

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, content in value.items():
            if not _TOKEN.fullmatch(name) or name.lower() in _OWN_HEADERS:
                raise ValueError("a header of this name cannot be added")
            text = content.get_secret_value().strip()
            if not text.isascii() or not text.isprintable():
                raise ValueError("the value of a header has characters that no header has")
        return value

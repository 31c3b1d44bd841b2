"""The options of the Datadog exporter."""

from __future__ import annotations

import os
from functools import cache
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from beacon_core import ComponentConfig, Duration, ExporterConfig, Secret, TlsOptions

DEFAULT_SITE = "datadoghq.com"
LOGS_PATH, SERIES_PATH, DISTRIBUTIONS_PATH = "/api/v2/logs", "/api/v2/series", "/api/v1/distribution_points"
VALIDATE_PATH = "/api/v1/validate"
CLIENT_TOKEN_START = "pub"  # noqa: S105 - how the public ones begin


@cache
def _sites() -> dict[str, str]:
    from importlib.resources import files  # noqa: PLC0415 - only where a site is configured

    table = msgspec.toml.decode(files("beacon_datadog").joinpath("sites.toml").read_bytes())
    return dict(table["site"])


def _site(value: str) -> str:
    """Return the site as it was written, with or without `app.`. Unknown ones are refused: they would get the key."""
    site = value.strip().lower()
    if site.removeprefix("app.") not in _sites():
        raise ValueError(f"not a Datadog site; one of {', '.join(_sites())}")
    return site


def _endpoint(value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("give a URL such as https://proxy.example:8080")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("no user name, password, query or fragment belongs into the URL")
    _ = parts.port  # raises ValueError where it is not a number
    return value.strip().rstrip("/")


def _key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value().strip()  # a file with a key ends with a newline
    if not key:
        raise ValueError("no API key: set it here or in DD_API_KEY")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("the key has characters that no Datadog key has")
    return SecretStr(key)


def _proxy(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise ValueError("give a URL such as http://proxy.example:3128")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a proxy that wants a user name and a password is set by HTTPS_PROXY")
    return value


def _tag(value: str) -> str:
    if not value.strip() or "," in value:
        raise ValueError('a tag is text such as "team:ci", without comma')
    return value.strip()


class ApiOptions(ComponentConfig):
    """Where to, and who sends."""

    site: Annotated[str, AfterValidator(_site)] = Field(
        default_factory=lambda: os.environ.get("DD_SITE") or DEFAULT_SITE
    )
    """Datadog site; by default `DD_SITE`, else `datadoghq.com`."""

    key: Annotated[Secret, AfterValidator(_key)] = Field(
        default_factory=lambda: SecretStr(os.environ.get("DD_API_KEY", ""))
    )
    """API key, or a client token (`pub...`) for the browser intake; by default `DD_API_KEY`."""

    @property
    def site_name(self) -> str:
        """The site without the `app.` of the web application's address."""
        return self.site.removeprefix("app.")


class IntakeOptions(ComponentConfig):
    """An intake elsewhere than at the site."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    """Origin or full URL of the intake; by default the site's."""


class HistogramOptions(ComponentConfig):
    """What becomes of histograms."""

    mode: Literal["distributions", "nobuckets"] = "distributions"
    """`distributions`: delta histograms become distributions. `nobuckets`: count, sum, minimum and maximum of all."""


class MetricsOptions(IntakeOptions):
    """The metric intakes."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    """Origin of the metric intakes, or full URL of the series intake; by default the site's."""

    histograms: HistogramOptions = HistogramOptions()
    """What becomes of histograms."""


class DatadogConfig(ExporterConfig):
    """Options of `datadog`."""

    api: ApiOptions = Field(default_factory=lambda: {}, validate_default=True)  # noqa: PIE807 - its own defaults are checked
    """Site and key."""

    logs: IntakeOptions = IntakeOptions()
    """The logs intake, for logs and spans."""

    metrics: MetricsOptions = MetricsOptions()
    """The metric intakes."""

    ddsource: str = Field(default="beacon", min_length=1)
    """Technology the logs come from; chooses Datadog's log pipelines."""

    tags: tuple[Annotated[str, AfterValidator(_tag)], ...] = ()
    """Tags of every event, such as `team:ci`."""

    service: str | None = Field(default=None, min_length=1)
    """Service of events without `service.name`."""

    hostname: str | None = Field(default=None, min_length=1)
    """Host of events without `host.name`."""

    timeout: Duration = Field(default=30.0, gt=0)
    """How long to wait for an answer. Short ones make duplicates: what was not confirmed in time may be stored."""

    tls: TlsOptions = TlsOptions()
    """Certificates."""

    proxy_url: Annotated[str, AfterValidator(_proxy)] | None = None
    """Proxy for all requests, without user and password. Unset: that of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`."""

    @field_validator("tags", mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _key_fits_the_intake(self) -> DatadogConfig:
        """An API key in a browser intake's URL would be public; a client token elsewhere is refused or ignored."""
        host = urlsplit(self.logs.endpoint or "").hostname or ""
        if host.startswith("browser-") and not self.has_client_token:
            raise ValueError("logs.endpoint is a browser intake, which takes client tokens (pub...), never an API key")
        if host.startswith("http-intake") and self.has_client_token:
            raise ValueError("logs.endpoint takes API keys, and api.key is a client token (pub...)")
        return self

    @property
    def has_client_token(self) -> bool:
        """Whether the key is a client token, for the browser intake."""
        return self.api.key.get_secret_value().startswith(CLIENT_TOKEN_START)

    @property
    def logs_url(self) -> str:
        """Where logs are posted to, without query."""
        site = self.api.site_name
        if self.has_client_token:
            *names, ending = site.split(".")
            return _intake(self.logs.endpoint, f"https://browser-intake-{'-'.join(names)}.{ending}", LOGS_PATH)
        return _intake(self.logs.endpoint, f"https://http-intake.logs.{site}", LOGS_PATH)

    @property
    def metrics_url(self) -> str:
        """Where series are posted to."""
        return _intake(self.metrics.endpoint, f"https://api.{self.api.site_name}", SERIES_PATH)

    @property
    def validate_url(self) -> str:
        """Where it is asked whether the API key is valid."""
        return self.metrics_url.removesuffix(SERIES_PATH) + VALIDATE_PATH

    @property
    def distributions_url(self) -> str:
        """Where distributions are posted to."""
        return self.metrics_url.removesuffix(SERIES_PATH) + DISTRIBUTIONS_PATH


def _intake(endpoint: str | None, origin: str, path: str) -> str:
    base = endpoint or origin
    return base if base.endswith(path) else base + path

"""How a component declares its options: pydantic models, and the types that options have beyond pydantic's own."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
    model_validator,
)

#: Key of the validation context: refuse a secret that was written out instead of referred to.
SECRETS_BY_REFERENCE = "secrets_by_reference"

_DURATION_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")


class Referenced(str):
    """Text that a reference (`${env:NAME}`, `${file:PATH}`) or a variable stood for: it may be a secret."""

    __slots__ = ()


def parse_duration(value: object) -> object:
    """Return seconds for text such as `10s`, `1m30s` or `500ms`; a number is seconds already."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    parts = _DURATION_PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        raise ValueError('a duration is a number with a unit, such as "10s", "500ms" or "1m30s"') from None


def _only_by_reference(value: object, info: ValidationInfo) -> object:
    strict = (info.context or {}).get(SECRETS_BY_REFERENCE)
    if strict and isinstance(value, str) and value and not isinstance(value, Referenced):
        raise ValueError("a secret is not written out here; refer to it: ${env:NAME} or ${file:PATH}")
    return value


#: Seconds; in YAML `10s`, `500ms`, `1m30s`, or a plain number of seconds.
Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(ge=0),
    PlainSerializer(lambda seconds: f"{seconds:g}s", when_used="json"),
]

#: Bytes; in YAML `2MiB`, `500kB`, or a plain number.
Size: TypeAlias = ByteSize

#: A credential. Shown nowhere; in YAML only as a reference.
Secret: TypeAlias = Annotated[SecretStr, BeforeValidator(_only_by_reference)]


class ComponentConfig(BaseModel):
    """Base of every component's options: unknown keys are errors, instances are frozen, inputs appear in no message.

    The docstring below a field is its description in `beacon components` and in the reference pages. It is read from
    the source when it is asked for (`description.describe`): pydantic's `use_attribute_docstrings` would do it for
    every model at every start, which takes as long as all the rest of making them.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        coerce_numbers_to_str=True,
        validate_default=True,
    )


class BatchOptions(ComponentConfig):
    """How events are put together for one attempt of an exporter."""

    max_events: int = Field(default=1000, ge=1)
    """Events in one batch at most."""

    max_bytes: Size = Field(default=ByteSize(1024 * 1024), ge=1)
    """Bytes of one batch at most, as stored in the queue."""

    timeout: Duration = 0.2
    """How long to wait for more events after the first. Nothing is waited for while draining."""


class RetryOptions(ComponentConfig):
    """What happens after an attempt that may succeed later."""

    initial_interval: Duration = 0.5
    """Upper bound of the first wait; the wait itself is random between 0 and the bound (full jitter)."""

    multiplier: float = Field(default=2.0, ge=1)
    """Factor from one bound to the next."""

    max_interval: Duration = 5.0
    """Highest bound. A longer Retry-After of the destination is honoured."""

    max_elapsed_time: Duration = 0.0
    """Give a batch up (to the dead letters) after this long; 0: never while the queue has room."""

    hold_interval: Duration = 30.0
    """Wait between attempts while the destination refuses the configuration (a wrong token, a wrong index)."""


class ExporterConfig(ComponentConfig):
    """Base of an exporter's options; what stands here is carried out by the core."""

    batch: BatchOptions = BatchOptions()
    """How events are put together for one attempt."""

    retry_on_failure: RetryOptions = RetryOptions()
    """What happens after an attempt that may succeed later."""

    max_in_flight: int = Field(default=1, ge=1, le=64)
    """Attempts at the same time. With 1 the order is kept; more help where the destination is far away."""


class TlsOptions(ComponentConfig):
    """How a server's certificate is verified, and which one is shown to it; named as in the Collector."""

    insecure_skip_verify: bool = False
    """Accept any certificate: whoever answers gets the credentials and the data. For tests only."""

    ca_file: str | None = None
    """PEM file with the certificates to trust, instead of the usual ones."""

    cert_file: str | None = None
    """PEM file with a client certificate."""

    key_file: str | None = None
    """PEM file with the key of `cert_file`, if it is not in there."""

    server_name_override: str | None = None
    """Name that the server's certificate has to have, where it is not that of the endpoint."""

    @model_validator(mode="after")
    def _key_needs_a_certificate(self) -> TlsOptions:
        if self.key_file and not self.cert_file:
            raise ValueError("key_file needs cert_file")
        return self

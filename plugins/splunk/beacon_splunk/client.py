"""One POST over HTTP: the answer, or why there is none, without a word of the credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beacon_core import ConfigurationError, RetryableError
from beacon_splunk.config import TlsOptions

if TYPE_CHECKING:
    import ssl

    import httpx

CONNECT_TIMEOUT = 5.0
MAX_RETRY_AFTER = 60.0
_MAX_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes:
        status: HTTP status.
        body: its beginning, at most 64 KiB.
        retry_after: the header of this name, as it came, or empty.
    """

    status: int
    body: bytes = b""
    retry_after: str = ""


def open_client(timeout: float, tls: TlsOptions) -> httpx.Client:
    """Return a client that follows no redirects and takes proxies from the environment.

    Raises:
        ConfigurationError: certificates that cannot be read, proxy settings that cannot be understood.
    """
    import httpx  # noqa: PLC0415 - heavy, and only a started exporter needs it

    try:
        limits = httpx.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout))
        return httpx.Client(verify=_verification(tls), timeout=limits)
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # the text may show a proxy's password
        raise ConfigurationError(f"the environment's proxy settings cannot be used: {type(error).__name__}") from None


def post(client: httpx.Client, url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Post `body` and return the answer, whatever its status.

    Raises:
        RetryableError: there was no answer.
    """
    import httpx  # noqa: PLC0415 - imported already, by `open_client`

    try:
        with client.stream("POST", url, content=body, headers=headers) as response:
            said = bytearray()
            for piece in response.iter_bytes(_MAX_ANSWER):
                said += piece
                if len(said) >= _MAX_ANSWER:
                    break
            return Answer(response.status_code, bytes(said[:_MAX_ANSWER]), response.headers.get("Retry-After", ""))
    except httpx.HTTPError as error:
        raise http_error(url, error) from None  # the original shows the whole request
    except httpx.InvalidURL:
        raise ConfigurationError(f"{url}: not a URL that can be requested") from None


def http_error(url: str, error: httpx.HTTPError) -> RetryableError:
    """Return what a failed request means; `url` must have no query and no credentials."""
    import httpx  # noqa: PLC0415 - imported already, by `open_client`

    unsent = (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.LocalProtocolError,
        httpx.UnsupportedProtocol,
    )
    reason = str(error) if isinstance(error, httpx.ConnectError) else type(error).__name__
    return RetryableError(f"{url}: {reason}", ambiguous=not isinstance(error, unsent))


def retry_after(text: str, now: int) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most a minute; None if it does not say.

    Args:
        text: seconds or an HTTP date (RFC 9110, 10.2.3).
        now: Unix nanoseconds.
    """
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - only for a busy server

    text = text.strip()
    try:
        seconds = float(text) if text.isdigit() else parsedate_to_datetime(text).timestamp() - now / 1e9
    except ValueError:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _verification(tls: TlsOptions) -> ssl.SSLContext | bool:
    if tls == TlsOptions():
        return True
    import ssl  # noqa: PLC0415 - heavy

    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except OSError as error:
        raise ConfigurationError(f"tls: the certificates cannot be read: {error.strerror or error}") from None
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

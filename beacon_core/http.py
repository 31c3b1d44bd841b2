"""HTTP for exporters: one POST, its answer or why there is none; TLS, proxies, time-outs; never a word of a credential.

A request that was not sent cannot have been taken; one that was sent and not answered may have been: its failure is
ambiguous. Requests go to httpx's transports: its client would ask for each what is known already, which proxy to take,
and whether to log in or to be redirected, for as much time as all the rest takes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from beacon_core.config import TlsOptions
from beacon_core.errors import BatchTooLargeError, ConfigurationError, PermanentError, RetryableError

if TYPE_CHECKING:
    import ssl

    import httpx

_CONNECT_TIMEOUT = 5.0
_MAX_RETRY_AFTER = 60.0  # a destination may not silence an exporter for longer
_MAX_ANSWER = 64 * 1024
_MAX_PREPARED = 32
_log = logging.getLogger(__name__)
_SUCCESS, _REDIRECTION = 2, 3  # first digits of statuses
_RETRYABLE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_NOTHING_TAKEN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_CONFIGURATION = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server said.

    Attributes:
        status: HTTP status.
        body: its beginning, at most 64 KiB, with credentials that it repeats replaced.
        retry_after: seconds that the server asks to wait, at most 60, None if it does not say.
        url: where it came from, without query.
    """

    status: int
    body: bytes = b""
    retry_after: float | None = None
    url: str = ""

    def raise_for_status(self) -> None:
        """Return after a 2xx; else raise what an exporter without a table of its own should raise.

        Raises:
            BatchTooLargeError: 413.
            RetryableError: 408, 429, 5xx; ambiguous but for 429 and 503, which mean that nothing was taken.
            ConfigurationError: redirects (not followed: they would get the credentials), 401, 403, 404, 405, 407.
            PermanentError: any other status.
        """
        text = f"{self.url}: HTTP {self.status}"
        if self.status // 100 == _SUCCESS:
            return
        if self.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise BatchTooLargeError(text)
        if self.status in _RETRYABLE or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RetryableError(text, retry_after=self.retry_after, ambiguous=self.status not in _NOTHING_TAKEN)
        if self.status in _CONFIGURATION or self.status // 100 == _REDIRECTION:
            raise ConfigurationError(text)
        raise PermanentError(text)


class HttpClient:
    """Posts and asks over kept connections and keeps cookies; follows no redirects: they would get the secrets.

    Args:
        timeout: seconds for each step of a request; connecting gets 5 at most.
        tls: certificates.
        secrets: what must not come back in an answer's body, where a server repeats it.
        clock: Unix nanoseconds, for a Retry-After that is a date.
        proxy: URL of a proxy for all requests; without it those of the environment (`HTTPS_PROXY`, `NO_PROXY` ...).

    Raises:
        ConfigurationError: certificates that cannot be read, proxy settings that cannot be understood.
    """

    def __init__(
        self,
        timeout: float,
        tls: TlsOptions,
        *,
        secrets: Sequence[str] = (),
        clock: Callable[[], int] = time.time_ns,
        proxy: str | None = None,
    ) -> None:
        self._clock = clock
        self._secrets = [secret.encode() for secret in secrets if secret]
        self._timeout, self._verification, self._proxy = timeout, _verification(tls), proxy
        self._extensions: dict[str, object] = {}
        if tls.server_name_override:
            self._extensions["sni_hostname"] = tls.server_name_override
        self._prepared: dict[object, _Prepared] = {}
        self._opening = threading.Lock()
        self._transports: _Transports | None = None
        self._closed = False
        if proxy or _are_proxies_set():
            self._open()  # only httpx can say whether it understands them

    def _open(self) -> _Transports | None:
        """Return httpx's transports, None after `close`. Made for the first request: that takes a third of a start.

        Raises:
            ConfigurationError: proxy settings that cannot be understood.
        """
        import httpx  # noqa: PLC0415 - heavy

        with self._opening:
            if self._transports is None and not self._closed:
                limits = httpx.Timeout(self._timeout, connect=min(_CONNECT_TIMEOUT, self._timeout))
                self._extensions["timeout"] = limits.as_dict()
                self._cookies = httpx.Cookies()
                try:
                    self._transports = _Transports(self._verification, self._proxy)
                except (ImportError, ValueError, httpx.InvalidURL) as error:  # the text may show a proxy's password
                    name = type(error).__name__
                    raise ConfigurationError(f"the proxy settings cannot be used: {name}") from None
            return None if self._closed else self._transports

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, query: str = "") -> HttpAnswer:
        """Post `body` and return the answer, whatever its status.

        Args:
            url: without query and credentials, since messages show it.
            body: as it goes out.
            headers: may hold credentials; shown nowhere.
            query: with its question mark; may hold credentials; shown nowhere.

        Raises:
            RetryableError: there was no answer.
            ConfigurationError: `url` cannot be requested.
        """
        return self._request("POST", url, body, headers, query)

    def get(self, url: str, headers: Mapping[str, str], *, query: str = "") -> HttpAnswer:
        """Ask, and return the answer, whatever its status; arguments and errors as for `post`."""
        return self._request("GET", url, None, headers, query)

    def _request(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], query: str) -> HttpAnswer:
        import httpx  # noqa: PLC0415 - heavy

        transports = self._open()
        if transports is None:
            raise RetryableError(f"{url}: nothing was sent, the exporter is shut down")
        try:
            to = self._prepare(transports, url + query, headers)
            answer = self._exchange(to, method, url, body)
        except httpx.HTTPError as error:
            raise http_error(url, error) from None  # the original shows the whole request
        except httpx.InvalidURL:
            raise ConfigurationError(f"{url}: not a URL that can be requested") from None
        _log.debug("%s %s: HTTP %d", method, url, answer.status)
        return answer

    def _exchange(self, prepared: _Prepared, method: str, url: str, body: bytes | None) -> HttpAnswer:
        import httpx  # noqa: PLC0415 - imported already

        to, sent, transport = prepared
        if body is not None:
            sent = [*sent, (b"Content-Length", b"%d" % len(body))]
        stream = httpx.ByteStream(body or b"")
        request = httpx.Request(method, to, headers=sent, stream=stream, extensions=self._extensions)
        if self._cookies:
            self._cookies.set_cookie_header(request)
        response = transport.handle_request(request)
        try:
            if "Set-Cookie" in response.headers:
                response.request = request
                self._cookies.extract_cookies(response)
            said = _beginning(response)
        finally:
            response.close()
        wait = parse_retry_after(response.headers.get("Retry-After", ""), self._clock())
        return HttpAnswer(response.status_code, self._without_secrets(said), wait, url)

    def _prepare(self, transports: _Transports, url: str, headers: Mapping[str, str]) -> _Prepared:
        """Return what is the same for all requests to a URL with the same headers."""
        import httpx  # noqa: PLC0415 - imported already

        key = (url, *headers.items())
        found = self._prepared.get(key)
        if found is None:
            to = httpx.URL(url)
            merged = httpx.Headers({"Host": to.netloc.decode("ascii")})
            merged.update({"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "beacon"})
            merged.update(headers)
            found = _Prepared(to, merged.raw, transports.of(to))
            if len(self._prepared) >= _MAX_PREPARED:
                self._prepared.clear()
            self._prepared[key] = found
        return found

    def close(self) -> None:
        """Close all connections."""
        with self._opening:
            self._closed = True
            if self._transports is not None:
                self._transports.close()

    def _without_secrets(self, body: bytes) -> bytes:
        for secret in self._secrets:
            body = body.replace(secret, b"[REDACTED]")
        return body


class _Prepared(NamedTuple):
    url: httpx.URL
    headers: list[tuple[bytes, bytes]]
    transport: httpx.HTTPTransport


class _Transports:
    """What carries requests: connections to their server, or to a proxy."""

    def __init__(self, verification: ssl.SSLContext | bool, proxy: str | None) -> None:
        import httpx  # noqa: PLC0415 - imported already

        context = httpx.create_ssl_context() if isinstance(verification, bool) else verification
        self._is_configured = proxy is not None
        self._straight = httpx.HTTPTransport(verify=context)
        named = {"http": proxy, "https": proxy} if proxy else _proxies_of_environment()
        self._proxied = {scheme: httpx.HTTPTransport(verify=context, proxy=name) for scheme, name in named.items()}

    def of(self, url: httpx.URL) -> httpx.HTTPTransport:
        """Return what carries requests to a URL."""
        from urllib.request import proxy_bypass  # noqa: PLC0415 - httpx has imported it

        proxied = self._proxied.get(url.scheme)
        if proxied is None or self._is_configured:
            return proxied or self._straight
        return self._straight if proxy_bypass(url.host) or proxy_bypass(url.netloc.decode("ascii")) else proxied

    def close(self) -> None:
        """Close all connections."""
        for transport in (self._straight, *self._proxied.values()):
            transport.close()


def _proxies_of_environment() -> dict[str, str]:
    """Return the URL of a proxy by the scheme of the requests that it is for."""
    from urllib.request import getproxies  # noqa: PLC0415 - httpx has imported it

    named = getproxies()
    found = {scheme: named.get(scheme) or named.get("all") for scheme in ("http", "https")}
    return {scheme: name if "://" in name else f"http://{name}" for scheme, name in found.items() if name}


def http_error(url: str, error: httpx.HTTPError) -> RetryableError:
    """Return what a request without an answer means.

    Args:
        url: without query and credentials.
        error: what httpx raised; its text is used only where it cannot show the request.
    """
    import httpx  # noqa: PLC0415 - imported already

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


def parse_retry_after(text: str, now: int) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most 60; None if it does not say.

    Args:
        text: seconds or an HTTP date (RFC 9110, 10.2.3).
        now: Unix nanoseconds.
    """
    text = text.strip()
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - only for a busy server

    try:
        seconds = float(text) if text.isdigit() else parsedate_to_datetime(text).timestamp() - now / 1e9
    except ValueError:
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER)


def _beginning(response: httpx.Response) -> bytes:
    said = bytearray()
    for piece in response.iter_bytes():
        said += piece
        if len(said) >= _MAX_ANSWER:
            break
    return bytes(said[:_MAX_ANSWER])


def _are_proxies_set() -> bool:
    """Say whether the environment names a proxy, as `urllib.request.getproxies` looks for them."""
    names = {name.lower() for name, value in os.environ.items() if value}
    return any(name.endswith("_proxy") for name in names - {"no_proxy"})


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

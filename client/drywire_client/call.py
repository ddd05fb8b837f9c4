"""One call of a session: from its options over redirects and middlewares to the final response."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from multidict import CIMultiDict
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.grammar import REQUEST_TARGET
from drywire_sansio.redirects import REDIRECTS, fields_left_behind, redirection
from drywire_transports.message_fields import HttpVersion11
from drywire_transports.payloads import BytesPayload, Payload

from .auth import url_without_login
from .cookie_jar import LooseCookies, cookie_field
from .errors import (
    ClientError,
    ClientPayloadError,
    InvalidUrlClientError,
    InvalidUrlRedirectClientError,
    NonHttpUrlClientError,
    NonHttpUrlRedirectClientError,
    TooManyRedirects,
)
from .proxies import proxy_for_url, proxy_of_environment
from .request import ClientRequest, RequestSettings, check_url, origin_of
from .request_fields import BODY_EXPECTED, CHUNKED, NO_HOST, is_host, own_framing, with_cookies
from .response import ClientResponse
from .timeouts import Deadlines
from .tracing import (
    TraceRequestEndParams,
    TraceRequestExceptionParams,
    TraceRequestRedirectParams,
    TraceRequestStartParams,
    emit,
)

__all__ = ["Call", "RaiseForStatus"]

# "http:/path" and "http:path": meant as a path of the same server
_NO_AUTHORITY: Final = re.compile(r"https?:(?!//)", re.IGNORECASE)

RaiseForStatus = bool | Callable[[ClientResponse], Awaitable[None]]
"""Whether a status of 400 or more raises; or an async function of the response, that may."""


@dataclass(slots=True)
class Call:
    """What one call was given, and how far it has come."""

    session: Any  # a ClientSession
    method: str
    url: URL
    payload: Payload | None
    headers: CIMultiDict[str] | None
    """The session's and the call's together; None where they are the session's alone."""
    skip: Collection[str]
    cookies: LooseCookies | None
    authorization: str | None
    settings: RequestSettings
    deadlines: Deadlines
    allow_redirects: bool
    max_redirects: int
    send: Callable[[ClientRequest], Awaitable[ClientResponse]]
    """Sends one request: the session's middlewares, and an exchange inside of them."""
    check: RaiseForStatus
    trust_env: bool
    has_left_origin: bool = False
    request: ClientRequest | None = None
    """The request of the present hop: a middleware may have given it another body."""
    proxy_met: URL | None = None
    """The first proxy that the environment named."""

    async def run_traced(self) -> ClientResponse:
        """Do as `run` does, and tell the session's `TraceConfig`s."""
        traces = self.settings.traces
        headers = CIMultiDict(self.session.headers) if self.headers is None else self.headers
        try:
            await emit(traces, "request_start", TraceRequestStartParams(self.method, self.url, headers))
        except BaseException as error:
            self._give_up(error)
            raise
        try:
            response = await self.run()
        except BaseException as error:
            params = TraceRequestExceptionParams(self.method, self.url, headers, error)
            await emit(traces, "request_exception", params)
            raise
        try:
            await emit(traces, "request_end", TraceRequestEndParams(self.method, self.url, headers, response))
        except BaseException:
            response.close()  # nobody will ever see it
            raise
        return response

    async def run(self) -> ClientResponse:
        """Send the request, follow where it leads, and return the final response, its body still to come."""
        try:
            response = await self._sent()
            if response.status in REDIRECTS and self.allow_redirects:
                response = await self._follow(response)
        except BaseException as error:
            self._give_up(error)
            raise
        if self.payload is not None or self.settings.upload_tracker is not None or self._has_new_body():
            response.let_go_of_request()
        if self.check:
            await checked(response, self.check)
        return response

    def _give_up(self, error: BaseException) -> None:
        """Let go of the request's body, which will not be sent any more."""
        if self.request is not None and self.request.payload is not None:
            self.request.payload._close()
        if self.payload is not None:
            self.payload._close()
        if self.settings.upload_tracker is not None:
            self.settings.upload_tracker.abort(error)

    async def _follow(self, response: ClientResponse) -> ClientResponse:
        """Follow the redirect `response`, and those behind it, to the final response."""
        history: list[ClientResponse] = []
        while response.status in REDIRECTS:
            location = response.headers.get("Location") or response.headers.get("URI")
            if location is None:
                break
            history.append(response)
            try:
                await self._turn_to(response, location, history)
            except BaseException as error:
                response.close()
                if isinstance(error, ClientError):
                    error.phase, error.response_started = "head", True
                raise
            response = await self._sent()
        response.history = tuple(history)
        return response

    # One request

    def _has_new_body(self) -> bool:
        """Whether a middleware has given the request a body."""
        return self.request is not None and self.request.payload is not None

    def _sent(self) -> Awaitable[ClientResponse]:
        """Return what sends the request of this hop.

        Mostly it depends on nothing but what is at hand; else on the environment, or on a body of unknown size.
        """
        if self.trust_env or self.session._proxies or self.settings.version < HttpVersion11:
            return self._sent_later()
        return self.send(self._made(self._authorization(), self.settings))

    async def _sent_later(self) -> ClientResponse:
        return await self.send(await self._request())

    async def _request(self) -> ClientRequest:
        """Return the request of this hop."""
        authorization, payload, settings = self._authorization(), self.payload, self.settings
        if self.trust_env and authorization is None and "Authorization" not in self._given:
            authorization = await self.session.netrc_authorization(self.url)
        if payload is not None and payload.size is None and settings.version < HttpVersion11:
            # There is no chunked coding in HTTP/1.0 (RFC 9112, 7.1).
            self.payload = BytesPayload(await payload.as_bytes(), content_type=payload.content_type)
        if settings.proxy is None and (self.trust_env or self.session._proxies):
            settings = await self._through_proxy(self.url)
        return self._made(authorization, settings)

    @property
    def _given(self) -> CIMultiDict[str]:
        """The header fields that the program has given."""
        headers: CIMultiDict[str] = self.session.headers if self.headers is None else self.headers
        return headers

    def _authorization(self) -> str | None:
        """Return the login for this hop, and take one out of its URL. Raises ValueError where there are two."""
        session, url = self.session, self.url
        if url.raw_user is not None or url.raw_password is not None:
            url, login = url_without_login(url)
            if self.authorization is not None:
                raise ValueError("a login stands in the URL and in auth=: which one is meant?")
            self.url, self.authorization = url, login
        # A login of the session's own is not for where a redirect has led.
        authorization = self.authorization or (None if self.has_left_origin else session.authorization(url))
        if authorization is not None and "Authorization" in self._given:
            raise ValueError("a login is given beside an Authorization header: which one is meant?")
        return authorization

    def _made(self, authorization: str | None, settings: RequestSettings) -> ClientRequest:
        request: ClientRequest = self.session.request_class(
            self.method,
            self.url,
            session=self.session,
            settings=settings,
            deadlines=self.deadlines,
            fields=self._fields(self.url, authorization),
            payload=self.payload,
        )
        self.request = request
        return request

    def _fields(self, url: URL, authorization: str | None) -> http1.FieldLines:
        """Return the header: what is the same for all such requests, and behind it what is this one's own."""
        payload, settings, given = self.payload, self.settings, self.headers
        added: list[tuple[bytes, bytes]] = []
        content_type = None if payload is None else payload.content_type
        expect100 = settings.expect100 and payload is not None
        jar = self.session.cookie_jar
        cookie = cookie_field(jar, url, self.cookies) if self.cookies else jar.cookie_header(url)
        if cookie is not None and "Cookie" in (self.session.headers if given is None else given):
            given = (self.session.headers if given is None else given).copy()
            cookie = with_cookies(given.popall("Cookie"), cookie)
        base: http1.FieldLines = self.session.repeated_fields(url, content_type, expect100, given, self.skip)
        if given is None:
            given = self.session.headers
        if authorization is not None:
            added.append((b"Authorization", authorization.encode("utf-8")))
        if cookie is not None and "Cookie" not in given:
            added.append((b"Cookie", cookie.encode("utf-8", "surrogateescape")))
        if settings.compress and payload is not None:
            added.append((b"Content-Encoding", settings.compress.encode()))
        try:
            fields = base.plus(added) if added else base
        except http1.LocalProtocolError as error:
            raise ValueError(f"the request's headers cannot be sent: {error}") from error
        if own_framing(given):
            return fields
        if payload is None:
            return fields.with_length(0) if self.method in BODY_EXPECTED else fields
        size = payload.size
        if size is None or settings.compress or settings.chunked:
            return fields.plus([CHUNKED])
        return fields.with_length(size)

    # Proxies

    async def _through_proxy(self, url: URL) -> RequestSettings:
        """Return the settings of this hop, with the proxy that is for its URL if there is one."""
        settings = self.settings
        proxy = proxy_for_url(self.session._proxies, url, settings.websocket)
        if proxy is None:
            return await self._through_environment(url) if self.trust_env else settings
        return replace(
            settings, proxy=proxy.url, proxy_authorization=settings.proxy_authorization or proxy.authorization
        )

    async def _through_environment(self, url: URL) -> RequestSettings:
        """Return the settings of this hop, with the proxy that the environment names for its URL."""
        session, settings = self.session, self.settings
        proxy = proxy_of_environment(url, settings.websocket)
        if proxy is None:
            return settings
        authorization, headers = settings.proxy_authorization, settings.proxy_headers
        if session._proxies or self.proxy_met not in (None, proxy.url):
            # A login is for the proxies that it was given beside, else for the first on the way, and for no other.
            authorization = headers = None
        self.proxy_met = self.proxy_met or proxy.url
        authorization = authorization or proxy.authorization or await session.netrc_authorization(proxy.url)
        return replace(settings, proxy=proxy.url, proxy_authorization=authorization, proxy_headers=headers)

    # Redirects (RFC 9110, 15.4)

    async def _turn_to(self, response: ClientResponse, location: str, history: list[ClientResponse]) -> None:
        """Make what follows the redirect `response` of this call."""
        traces = self.settings.traces
        if traces:
            headers = CIMultiDict(self.session.headers) if self.headers is None else self.headers
            params = TraceRequestRedirectParams(self.method, self.url, headers, response)
            await emit(traces, "request_redirect", params)
        if self.max_redirects and len(history) >= self.max_redirects:
            raise TooManyRedirects(history[0].request_info, tuple(history), headers=response.headers)
        url = self._target(response, location)
        self.method, keeps_body = redirection(self.method, response.status)
        await response.drain()
        await response.wait_for_close()
        if self.request is not None:
            self.payload = self.request.payload
        self._settle_body(keeps_body, response)
        other_origin = origin_of(url) != origin_of(self.url)
        dropped = fields_left_behind(other_origin=other_origin, keeps_body=keeps_body)
        has_login = url.raw_user is not None or url.raw_password is not None
        if self.headers is not None or other_origin or not keeps_body or has_login:
            headers = CIMultiDict(self.session.headers) if self.headers is None else self.headers
            self.headers = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)
        if other_origin:
            self.authorization = self.cookies = None
            self.has_left_origin = True
        if has_login:
            self.authorization = None
            if self.headers is not None:
                self.headers.popall("Authorization", None)
        self.url = url
        response.history = tuple(history[:-1])

    def _settle_body(self, keeps_body: bool, response: ClientResponse) -> None:
        payload = self.payload
        if payload is None:
            return
        if not keeps_body:
            payload._close()
            self.payload = None
            self.settings = replace(self.settings, compress=None, expect100=False, chunked=None)
        elif payload.consumed or (response.has_sent_body and not payload.replayable):
            raise ClientPayloadError(
                "the redirect wants the request's body again, which was consumed: send bytes or a file that can be "
                "sought, or set allow_redirects=False"
            )

    def _target(self, response: ClientResponse, location: str) -> URL:
        """Return where `location` leads. Raises InvalidUrlRedirectClientError, NonHttpUrlRedirectClientError."""
        try:
            url = URL(_as_text(location), encoded=not self.session._requote_redirect_url)
        except ValueError as error:
            described = "the redirect leads to what is no URL"
            raise InvalidUrlRedirectClientError(location[:200], described) from error
        if url.scheme == self.url.scheme and _NO_AUTHORITY.match(location):
            url = URL.build(path=url.raw_path, query_string=url.raw_query_string, encoded=True)
        joined = url if url.scheme or location.lower().startswith(("http://", "https://")) else self.url.join(url)
        if not joined.raw_fragment and self.url.raw_fragment:
            joined = joined.with_fragment(self.url.fragment)  # RFC 9110, 10.2.2
        try:
            check_url(joined)
            if joined.scheme not in ("http", "https"):
                raise NonHttpUrlClientError(joined)
            if not is_host(joined.origin().host_port_subcomponent or ""):
                raise ValueError(NO_HOST)
            url_without_login(joined)
            if REQUEST_TARGET.fullmatch(joined.raw_path_qs.encode()) is None:
                raise ValueError("its path holds a character that must be percent-encoded")
        except NonHttpUrlClientError as error:
            raise NonHttpUrlRedirectClientError(joined, "a redirect to another scheme than http and https") from error
        except InvalidUrlClientError as error:
            raise InvalidUrlRedirectClientError(joined, error.description) from error
        except ValueError as error:
            raise InvalidUrlRedirectClientError(joined, f"Invalid redirect URL origin: {error}") from error
        return joined


def _as_text(location: str) -> str:
    """Return a Location with bytes that are no UTF-8 percent-encoded, as browsers do."""
    if location.isascii():
        return location
    raw = location.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in raw)


async def checked(response: ClientResponse, check: RaiseForStatus) -> None:
    """Raise what `check` makes of `response`, which is closed then."""
    if not callable(check):
        response.raise_for_status()
        return
    try:
        await check(response)
    except BaseException:
        response.close()
        raise

"""`ProxyDigestAuthMiddleware`: requests answer the Digest challenges of a proxy by themselves (RFC 7616)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from multidict import MultiMapping
from yarl import URL

from drywire_sansio.auth.digest import ChallengeError, DigestChallenge, DigestSession, strongest_challenge
from drywire_sansio.errors import LocalProtocolError
from drywire_sansio.proxying import absolute_form, authority_form

from .digest import _check_replayable, _release
from .errors import ClientError, ClientHttpProxyError
from .middlewares import ClientHandlerType
from .request import ClientRequest
from .response import ClientResponse

__all__ = ["ProxyDigestAuthMiddleware"]

_CNONCE_BYTES: Final = 16
_RESENT_AT_MOST: Final = 2  # once for a challenge, once more for a nonce that was too old
_TUNNELS: Final = 64
"""Servers behind the proxy for which the answer that opened a tunnel is kept."""


class ProxyDigestAuthMiddleware:
    """Authenticates at an HTTP proxy by Digest: ``ClientSession(proxy=..., middlewares=(this(...),))``.

    A 407 with a Digest challenge, to CONNECT or to a request by the whole URL, is answered and sent again; once more
    where the proxy calls the nonce stale. The nonce then serves all requests, counted. An open tunnel is used again as
    others are.

    Credentials are for the first proxy that a request goes through: other proxies, and SOCKS, are none of its business,
    and what a server behind a tunnel answers neither.

    Requests raise ClientError for a challenge that is malformed or not supported (auth-int alone among them), and
    ClientPayloadError where the body has been sent and cannot be sent again. The constructor raises ValueError for a
    login with a colon or control character in it, and for what is no str.
    """

    def __init__(self, login: str, password: str) -> None:
        for name, value in (("login", login), ("password", password)):
            if not isinstance(value, str):
                raise ValueError(f"{name} must be a str, not {type(value).__name__}")
        self._login: Final = login
        self._password: Final = password
        self._proxy: URL | None = None
        self._session: DigestSession | None = None
        self._tunnels: dict[str, str] = {}
        DigestSession(DigestChallenge(realm="", nonce="-"), login, "", "")  # checks the login

    def __repr__(self) -> str:
        return f"<{type(self).__name__} login={self._login!r}>"

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send `request` by `handler`, again where the proxy asks for it."""
        settings = request.settings
        if settings.proxy is None or settings.proxy.scheme not in ("http", "https"):
            return await handler(request)
        if self._proxy is None:
            self._proxy = settings.proxy
        elif settings.proxy != self._proxy:
            return await handler(request)
        given = request.headers.get("Proxy-Authorization")
        try:
            return await self._converse(request, handler, request.route.tunnel)
        finally:
            # An answer is for one request: whoever sends this object again must not send it along.
            request.settings = settings
            request.headers.popall("Proxy-Authorization", None)
            if given is not None:
                request.headers["Proxy-Authorization"] = given

    async def _converse(self, request: ClientRequest, handler: ClientHandlerType, tunnel: bool) -> ClientResponse:
        resent = 0
        while True:
            if self._session is not None:
                self._authorize(request, self._session, tunnel, fresh=resent > 0)
            try:
                response = await handler(request)
            except ClientHttpProxyError as error:
                challenge = _challenge(error.status, error.headers, resent)
                if challenge is None:
                    raise
            else:
                if tunnel:
                    return response
                try:
                    challenge = _challenge(response.status, response.headers, resent)
                except ClientError:
                    response.close()
                    raise
                if challenge is None:
                    return response
                await _release(response)
                _check_replayable(request)
            self._begin(challenge)
            resent += 1

    def _begin(self, challenge: DigestChallenge) -> None:
        """Have a session that answers `challenge`: where a nonce comes again the one there is, so that it counts on."""
        session = self._session
        if session is None or session.exhausted or not session.goes_on_with(challenge):
            cnonce = secrets.token_hex(_CNONCE_BYTES)
            self._session = DigestSession(challenge, self._login, self._password, cnonce)
            self._tunnels.clear()

    def _authorize(self, request: ClientRequest, session: DigestSession, tunnel: bool, *, fresh: bool) -> None:
        """Put the answer on `request`; for a tunnel the one that has opened it before, unless it must be `fresh`."""
        host, port = request.host, request.port or 80
        answer: str | None = None
        try:
            if tunnel:
                authority = authority_form(host, port).decode("ascii")
                answer = None if fresh else self._tunnels.get(authority)
                if answer is None:
                    answer = session.authorization("CONNECT", authority)
                    if len(self._tunnels) >= _TUNNELS:
                        self._tunnels.clear()
                    self._tunnels[authority] = answer
            else:
                url = request.url
                target = absolute_form(url.scheme, url.host_port_subcomponent or "", url.raw_path_qs.encode("ascii"))
                request.headers["Proxy-Authorization"] = session.authorization(request.method, target.decode("ascii"))
        except LocalProtocolError as error:
            raise ClientError(f"the proxy's Digest challenge cannot be answered: {error}") from error
        # Another login, of Basic, would go in place of the answer. That of a tunnel is a part of what the tunnel is.
        request.settings = replace(request.settings, proxy_authorization=answer)


def _challenge(status: int, headers: Mapping[str, str] | None, resent: int) -> DigestChallenge | None:
    """Return what the proxy asks for, None where its answer stands. Raises ClientError."""
    if status != 407 or not isinstance(headers, MultiMapping):
        return None
    try:
        challenge = strongest_challenge(headers.getall("Proxy-Authenticate", ()))
    except ChallengeError as error:
        raise ClientError(f"the proxy's Digest challenge cannot be answered: {error}") from error
    if challenge is not None and (resent == 0 or (resent < _RESENT_AT_MOST and challenge.stale)):
        return challenge
    return None

"""`DigestAuthMiddleware`: a session's requests answer Digest challenges by themselves (RFC 7616)."""

from __future__ import annotations

import secrets
from typing import Final

from yarl import URL

from drywire_sansio.auth.digest import (
    ChallengeError,
    DigestChallenge,
    DigestSession,
    Origin,
    covers,
    next_nonce,
    protection_space,
    strongest_challenge,
)
from drywire_transports.payloads import Payload

from .errors import ClientError, ClientPayloadError
from .middlewares import ClientHandlerType
from .request import ClientRequest
from .response import ClientResponse

__all__ = ["DigestAuthMiddleware"]

_HASHED_BODY: Final = 1024 * 1024
"""Bytes that a body is digested up to (auth-int) where the server can do without it (auth)."""
_CNONCE_BYTES: Final = 16
_RESENT_AT_MOST: Final = 2  # once for a challenge, once more for a nonce that was too old


class DigestAuthMiddleware:
    """Authenticates by Digest: give it to a session, ``ClientSession(middlewares=(DigestAuthMiddleware(...),))``.

    A response 401 with a Digest challenge is released, and its request sent again with the answer; once more where
    the server calls the nonce stale. The nonce then serves all requests, counted, and with `preemptive` they take the
    answer with them at once, as far as the protection space goes that the server has named.

    Credentials are bound to the origin (scheme, host and port) of the first request: those to other origins, by
    redirects too, pass through as they are. That stands for the life of the object, so use one for each origin. URIs
    of other servers in a challenge's domain are not followed.

    An Authorization header of the program's own goes out as it is, and is replaced when the server asks for Digest.

    Requests raise ClientError for a Digest challenge that is malformed or not supported, and ClientPayloadError where
    the body has been sent and cannot be sent again. The constructor raises ValueError for a login with a colon or
    control character in it, and for None.
    """

    def __init__(self, login: str, password: str, preemptive: bool = True) -> None:
        self._login: Final = _text("login", login)
        self._password: Final = _text("password", password)
        self._preemptive: Final = preemptive
        self._origin: Origin | None = None
        self._session: DigestSession | None = None
        self._accepted = False  # whether the server has taken an answer of this session
        self._space: tuple[str, ...] = ()
        DigestSession(DigestChallenge(realm="", nonce="-"), login, "", "")  # checks the login

    def __repr__(self) -> str:
        return f"<DigestAuthMiddleware login={self._login!r}>"

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send `request` by `handler`, again where the server asks for it."""
        origin = _origin_of(request.url)
        if self._origin is None:
            self._origin = origin
        elif origin != self._origin:
            return await handler(request)
        given = request.headers.get("Authorization")
        try:
            return await self._converse(request, handler, at_once=given is None)
        finally:
            # An answer is for one request and one URL: whoever sends this object again must not send it along.
            if given is None:
                request.headers.popall("Authorization", None)
            else:
                request.headers["Authorization"] = given

    async def _converse(self, request: ClientRequest, handler: ClientHandlerType, at_once: bool) -> ClientResponse:
        session = self._session_at_once(request) if at_once else None
        nonce = ""
        resent = 0
        while True:
            if session is not None:
                nonce = await _authorize(request, session)
            response = await handler(request)
            if response.status != 401:
                self._note_success(session, nonce, response)
                return response
            challenge = await self._challenge_to_answer(session, response, resent)
            if challenge is None:
                return response
            await _release(response)
            _check_replayable(request)
            session = self._session_for(challenge)
            resent += 1

    def _session_at_once(self, request: ClientRequest) -> DigestSession | None:
        """Return the session that a request need not be asked to use, None where it must wait for a challenge."""
        session = self._session
        if not self._preemptive or session is None or not self._accepted or session.exhausted:
            return None
        return session if covers(self._space, request.url.raw_path) else None

    async def _challenge_to_answer(
        self, session: DigestSession | None, response: ClientResponse, resent: int
    ) -> DigestChallenge | None:
        """Return what the server asks for, None where it has had its answer and `response` stands."""
        try:
            challenge = strongest_challenge(response.headers.getall("WWW-Authenticate", ()))
        except ChallengeError as error:
            await _release(response)
            raise ClientError(f"the server's Digest challenge cannot be answered: {error}") from error
        if challenge is None:
            return None
        if session is not None:
            self._accepted = False  # no other request gives refused credentials unasked
        if resent == 0 or (resent < _RESENT_AT_MOST and challenge.stale):
            return challenge
        return None

    def _session_for(self, challenge: DigestChallenge) -> DigestSession:
        """Return the session to answer by: where a nonce comes again the one there is, so that it counts on."""
        session = self._session
        if session is None or session.exhausted or not session.goes_on_with(challenge):
            session = DigestSession(challenge, self._login, self._password, secrets.token_hex(_CNONCE_BYTES))
            self._session, self._accepted = session, False
        if self._origin is not None:
            self._space = protection_space(challenge.domain, self._origin)
        return session

    def _note_success(self, session: DigestSession | None, nonce: str, response: ClientResponse) -> None:
        if session is None:
            return
        if session is self._session:
            self._accepted = True
        following = next_nonce(response.headers.getall("Authentication-Info", ()))
        # Of requests under way together the first to come back decides: a nonce that was left is not taken up again.
        if following is not None and session.nonce == nonce:
            session.renew(following)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a str, not {value!r}")  # aiohttp's error, for None
    return value


def _origin_of(url: URL) -> Origin:
    return Origin(url.scheme, (url.host_subcomponent or "").lower(), url.port)


def _check_replayable(request: ClientRequest) -> None:
    body = request.body
    if isinstance(body, Payload) and body.consumed:
        raise ClientPayloadError(
            "the server asks for Digest authentication, but the request's body has been sent and cannot be sent again: "
            "give it as bytes or as a file that can be sought, or make a request without a body first"
        )


async def _authorize(request: ClientRequest, session: DigestSession) -> str:
    """Set Authorization and return the nonce in it."""
    content = await _content(request) if _is_digested(request, session.challenge.qop) else None
    # Counted only now that nothing is waited for any more: servers like counts to arrive in order.
    target = request.url.raw_path_qs
    request.headers["Authorization"] = session.authorization(request.method, target, content)
    return session.nonce


def _is_digested(request: ClientRequest, offered: tuple[str, ...]) -> bool:
    """Return whether the body is to be digested (auth-int): where the server insists, or else where it costs little."""
    if "auth-int" not in offered:
        return False
    body = request.body
    if "auth" not in offered or not isinstance(body, Payload):
        return True
    return not request.compress and body.size is not None and body.size <= _HASHED_BODY


async def _content(request: ClientRequest) -> bytes:
    """Return the whole body; one that is made while it is sent is kept, to be sent from memory."""
    body = request.body
    if not isinstance(body, Payload):
        return body
    if request.compress:
        raise ClientError("the server wants the body digested as it is sent (auth-int): compress it beforehand instead")
    content = await body.as_bytes()
    if body.consumed:
        await request.update_body(content)
    return content


async def _release(response: ClientResponse) -> None:
    """Let go of `response`, and wait until nothing of the request is being sent any more: its body is needed again."""
    async with response:
        pass

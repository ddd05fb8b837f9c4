"""Digest authentication, the client's side: read a challenge, answer it (RFC 7616, and RFC 2069 without qop).

challenge = strongest_challenge(["Digest realm=\\"a\\", nonce=\\"b\\", qop=\\"auth\\""])
session = DigestSession(challenge, "user", "password", cnonce="of your random source")
session.authorization("GET", "/path?query")  # the value of Authorization
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple
from urllib.parse import quote

from ..errors import LocalProtocolError, ProtocolError

__all__ = [
    "ChallengeError",
    "DigestChallenge",
    "DigestSession",
    "Origin",
    "covers",
    "next_nonce",
    "protection_space",
    "strongest_challenge",
]

Hash = Callable[[bytes], str]

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_CONTROL: Final = r"\x00-\x08\x0a-\x1f\x7f"
# RFC 9110, 11.2: auth-param, with white space around "=". Many servers leave out the quotes where the value is not a
# token, such as base64 with its "=" and "/": it ends at the comma all the same.
_PARAMETER: Final = re.compile(
    rf'({_TOKEN})[ \t]*+=[ \t]*+(?:"((?:[^{_CONTROL}"\\]|\\[^{_CONTROL}])*+)"|([^\x00-\x20\x7f",\\]++))[ \t]*+(?=,|\Z)'
)
# RFC 9110, 11.3: a challenge begins with its scheme; behind that a token68 may stand in place of parameters
_SCHEME: Final = re.compile(
    rf"({_TOKEN})(?:[ \t]++((?:[A-Za-z0-9\-._~+/]++=*+[ \t]*+(?=,|\Z))?+)|(?=,|\Z))",
)
_SEPARATOR: Final = re.compile(r"[ \t,]*+")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r'(["\\])')
_UNSENDABLE: Final = re.compile(rf"[{_CONTROL}]")

_MOST_PARAMETERS: Final = 32
_LONGEST_VALUE: Final = 4096
_MOST_USES: Final = 0xFFFFFFFF  # nc is eight hexadecimal digits

# RFC 3986: the path-absolute or absolute URI that a domain may be; no user information, query, fragment or backslash
_PATH: Final = r"/(?!/)(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*+"
_DOMAIN_URI: Final = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.\-]*+)://(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9\-._~]++)(?::([0-9]{1,5}))?+(?=/|\Z))?+"
    rf"((?:{_PATH})?+)"
)
_TRIPLET: Final = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class ChallengeError(ProtocolError):
    """A Digest challenge that cannot be answered: it is malformed, or asks for what is not supported."""


def _hash_by(name: str) -> Hash:
    # Not "for security" in the sense of FIPS builds, which have no MD5 else: the server has chosen the algorithm.
    return lambda data: hashlib.new(name, data, usedforsecurity=False).hexdigest()


def _algorithms() -> dict[str, tuple[int, Hash]]:
    """Return the strength and the function of each algorithm, by its name in lower case."""
    names = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha256": "sha256"}
    names |= {"sha-512-256": "sha512_256", "sha-512": "sha512", "sha512": "sha512"}
    order = ("md5", "sha1", "sha256", "sha512_256", "sha512")
    found: dict[str, tuple[int, Hash]] = {}
    for name, function in names.items():
        if function in hashlib.algorithms_available:  # sha512_256 is OpenSSL's, and not in every build
            found[name] = found[f"{name}-sess"] = order.index(function), _hash_by(function)
    return found


_ALGORITHMS: Final = _algorithms()


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestChallenge:
    """What a server asks for (RFC 7616, 3.3): well-formed, and supported."""

    realm: str
    """Whose users it knows; may be empty."""
    nonce: str
    """The server's nonce; not empty."""
    algorithm: str | None = None
    """The algorithm as the server wrote it; None, which means MD5, where it wrote none."""
    qop: tuple[str, ...] = ()
    """Of ``"auth"`` and ``"auth-int"`` what the server offers; empty for a server of RFC 2069."""
    opaque: str | None = None
    """What goes back as it came."""
    domain: str | None = None
    """URIs, separated by spaces, that the same credentials are for; see `protection_space`."""
    stale: bool = False
    """Whether only the nonce was too old."""
    userhash: bool = False
    """Whether the server can take the hash of the user's name for it."""
    utf8: bool = False
    """Whether the server says that it takes names and passwords in UTF-8."""

    @property
    def strength(self) -> int:
        """How strong the algorithm is beside the others."""
        return _ALGORITHMS[_folded(self.algorithm or "md5")][0]

    @property
    def hash(self) -> Hash:
        """The algorithm's function, from bytes to lower-case hexadecimal digits."""
        return _ALGORITHMS[_folded(self.algorithm or "md5")][1]

    @property
    def has_session_key(self) -> bool:
        """Whether the algorithm is one of those that end in -sess (RFC 7616, 3.4.2)."""
        return _folded(self.algorithm or "").endswith("-sess")


# Reading


def strongest_challenge(values: Iterable[str]) -> DigestChallenge | None:
    """Return the Digest challenge to answer among the `values` of all WWW-Authenticate fields, None where none is.

    That is the one with the strongest algorithm, and of equals the first. Each field may hold several challenges;
    those of other schemes are left alone, malformed or not. Takes linear time. Raises ChallengeError where there are
    Digest challenges and none of them can be answered.
    """
    best: DigestChallenge | None = None
    failure: ChallengeError | None = None
    for value in values:
        for scheme, parameters in _challenges(value):
            if scheme != "digest":
                continue
            try:
                challenge = _digest_challenge(parameters)
            except ChallengeError as error:
                failure = failure or error
                continue
            if best is None or challenge.strength > best.strength:
                best = challenge
    if best is None and failure is not None:
        raise failure
    return best


def _challenges(value: str) -> Iterator[tuple[str, dict[str, str] | None]]:
    """Yield each challenge's scheme in lower case and its parameters, None in their place where they are malformed.

    What does not follow the grammar at all belongs to the challenge before it, and nothing after it is read.
    """
    scheme = ""
    parameters: dict[str, str] | None = None
    position = _separated(value, 0)
    while position < len(value):
        found = _PARAMETER.match(value, position)
        if found is not None:
            if parameters is not None and not _add(parameters, found):
                parameters = None
        else:
            found = _SCHEME.match(value, position)
            if scheme:
                yield scheme, None if found is None else parameters
            if found is None:
                return
            scheme, parameters = found[1].lower(), None if found[2] else {}
        position = _separated(value, found.end())
    if scheme:
        yield scheme, parameters


def _separated(value: str, position: int) -> int:
    match = _SEPARATOR.match(value, position)
    return position if match is None else match.end()


def _add(parameters: dict[str, str], found: re.Match[str]) -> bool:
    """Add a parameter; False where it is there already (RFC 9110, 11.2), or over a bound."""
    name, quoted, bare = found.groups()
    key, value = name.lower(), bare if quoted is None else _ESCAPE.sub(r"\1", quoted)
    if key in parameters or len(parameters) >= _MOST_PARAMETERS or len(value) > _LONGEST_VALUE:
        return False
    parameters[key] = value
    return True


def _digest_challenge(parameters: dict[str, str] | None) -> DigestChallenge:
    if parameters is None:
        raise ChallengeError("a parameter is malformed, too long or repeated (RFC 9110, 11.2)")
    for name in ("realm", "nonce"):
        if name not in parameters:
            raise ChallengeError(f"it has no {name} (RFC 7616, 3.3)")
    if not parameters["nonce"]:
        raise ChallengeError("its nonce is empty: each response could be replayed (RFC 7616, 3.3)")
    algorithm = parameters.get("algorithm")
    if algorithm is not None and _folded(algorithm) not in _ALGORITHMS:
        raise ChallengeError(f"algorithm {algorithm[:60]!r} is not supported")
    return DigestChallenge(
        realm=parameters["realm"],
        nonce=parameters["nonce"],
        algorithm=algorithm,
        qop=_qop(parameters.get("qop", "")),
        opaque=parameters.get("opaque"),
        domain=parameters.get("domain"),
        stale=_folded(parameters.get("stale", "")) == "true",
        userhash=_folded(parameters.get("userhash", "")) == "true",
        utf8=_folded(parameters.get("charset", "")) == "utf-8",
    )


def _qop(value: str) -> tuple[str, ...]:
    offered = {_folded(option.strip(" \t")) for option in value.split(",")} - {""}
    supported = tuple(option for option in ("auth", "auth-int") if option in offered)
    if offered and not supported:
        raise ChallengeError(f"qop {value[:60]!r} is not supported")
    return supported


def _folded(value: str) -> str:
    """Return `value` in lower case; with what Unicode alone takes for an ASCII letter left as it is."""
    return value.lower() if value.isascii() else value


def next_nonce(values: Iterable[str]) -> str | None:
    """Return the nextnonce that Authentication-Info fields say, None where they say none or are malformed (3.5)."""
    parameters: dict[str, str] = {}
    for value in values:
        position = _separated(value, 0)
        while position < len(value):
            found = _PARAMETER.match(value, position)
            if found is None or not _add(parameters, found):
                return None
            position = _separated(value, found.end())
    return parameters.get("nextnonce") or None


# Answering


class DigestSession:
    """One challenge and one user: answers requests one after the other, each with a count of its own.

    `cnonce` is the client's nonce for all of them, which RFC 7616, 3.4.2 asks for where the algorithm has a session
    key: take at least 64 bits from a source that nobody can guess. The password is not kept. Names, passwords and
    URIs are hashed in UTF-8, with surrogate escapes as the bytes they stand for; they are not normalized.

    Raises ValueError for a colon or control character in `username`.
    """

    def __init__(self, challenge: DigestChallenge, username: str, password: str, cnonce: str) -> None:
        if ":" in username:
            raise ValueError('a ":" is not allowed in a user name (RFC 7616, 3.4.2)')
        if _UNSENDABLE.search(username):
            raise ValueError("the user name holds a control character (RFC 7616, 3.4)")
        self.challenge = challenge
        """What is answered."""
        self.nonce = challenge.nonce
        """The server's nonce for the next request; see `renew`."""
        self._cnonce = cnonce
        self._uses = 0
        self._user = self._user_fields(username)
        self._secret = self._hash(username, challenge.realm, password)
        if challenge.has_session_key:
            self._secret = self._hash(self._secret, challenge.nonce, cnonce)

    def _hash(self, *parts: str) -> str:
        return self.challenge.hash(_encoded(":".join(parts)))

    def _user_fields(self, username: str) -> str:
        if self.challenge.userhash:
            return f'username="{self._hash(username, self.challenge.realm)}", userhash=true'
        if username.isascii() or not self.challenge.utf8:
            return f"username={_quoted(username)}"
        # RFC 8187, 3.2.1, with attr-char left as it is
        return "username*=UTF-8''" + quote(_encoded(username), "!#$&+-.^_`|~")

    @property
    def exhausted(self) -> bool:
        """Whether the nonce has been used as often as can be counted: a new challenge is needed."""
        return self._uses >= _MOST_USES

    def goes_on_with(self, challenge: DigestChallenge) -> bool:
        """Return whether `challenge` is this one over again: then the count must go on, and not begin anew."""
        mine, other = self.challenge, replace(challenge, stale=self.challenge.stale)
        if mine.has_session_key:
            return mine == other and self.nonce == mine.nonce
        return self.nonce == other.nonce and replace(mine, nonce=other.nonce) == other

    def renew(self, nonce: str) -> None:
        """Go on with another server nonce, from Authentication-Info: the count begins anew (RFC 7616, 3.5)."""
        if nonce != self.nonce:
            self.nonce, self._uses = nonce, 0

    def authorization(self, method: str, uri: str, body: bytes | None = None) -> str:
        """Return the value of Authorization for a request (RFC 7616, 3.4).

        `method` and `uri`, the request target, as they go on the wire. With the `body` the quality of protection is
        auth-int where that is offered; without, auth. Raises LocalProtocolError for a control character in `uri`,
        where auth-int alone is offered and `body` is None, and once the session is `exhausted`.
        """
        challenge = self.challenge
        qop = _chosen_qop(challenge, body)
        if self.exhausted:
            raise LocalProtocolError("the nonce cannot be used more often (RFC 7616, 3.4)")
        target = _quoted(uri)
        digested = [method, uri]
        if qop == "auth-int":
            digested.append(challenge.hash(body or b""))
        self._uses += 1
        count = f"{self._uses:08x}"
        middle = (self.nonce, count, self._cnonce, qop) if qop else (self.nonce,)
        response = self._hash(self._secret, *middle, self._hash(*digested))
        fields = [self._user, f"realm={_quoted(challenge.realm)}", f"nonce={_quoted(self.nonce)}"]
        fields += [f"uri={target}", f'response="{response}"']
        if challenge.algorithm is not None:
            fields.append(f"algorithm={challenge.algorithm}")
        if qop:
            fields += [f"qop={qop}", f"nc={count}"]
        if qop or challenge.has_session_key:
            fields.append(f"cnonce={_quoted(self._cnonce)}")
        if challenge.opaque is not None:
            fields.append(f"opaque={_quoted(challenge.opaque)}")
        return "Digest " + ", ".join(fields)


def _chosen_qop(challenge: DigestChallenge, body: bytes | None) -> str:
    if not challenge.qop:
        return ""
    if body is not None and "auth-int" in challenge.qop:
        return "auth-int"
    if "auth" not in challenge.qop:
        raise LocalProtocolError("qop auth-int digests the body: it is needed (RFC 7616, 3.4.3)")
    return "auth"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _quoted(text: str) -> str:
    """Return `text` as a quoted-string (RFC 9110, 5.6.4)."""
    if _UNSENDABLE.search(text):
        raise LocalProtocolError(f"{text[:60]!r} holds a control character, such as CR or LF (RFC 9110, 5.5)")
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


# Where an answer may be given unasked


class Origin(NamedTuple):
    """What credentials are bound to: scheme and host in lower case, IPv6 in brackets, and the port (RFC 6454, 4)."""

    scheme: str
    host: str
    port: int | None


def protection_space(domain: str | None, origin: Origin) -> tuple[str, ...]:
    """Return the paths on `origin`, with all below them, that a challenge's `domain` is for (RFC 7616, 3.3).

    Without a domain that is everything. Of its URIs only those count that are an absolute path, or absolute with this
    very origin: never another server, a ``//host``, user information, a query or a fragment. Where none is left, no
    path is.
    """
    uris = [uri for uri in (domain or "").split(" ") if uri]
    if not uris:
        return ("/",)
    return tuple(path for uri in uris if (path := _path_on(uri, origin)) is not None)


def _path_on(uri: str, origin: Origin) -> str | None:
    match = _DOMAIN_URI.fullmatch(uri)
    if match is None:
        return None
    scheme, host, port, path = match.groups()
    if scheme is not None:
        scheme = scheme.lower()
        if Origin(scheme, host.lower(), int(port) if port else _DEFAULT_PORTS.get(scheme)) != origin:
            return None
    return _TRIPLET.sub(lambda triplet: triplet[0].upper(), path) or "/"


def covers(space: Iterable[str], path: str) -> bool:
    """Return whether `path`, percent-encoded and without its query, is in a `protection_space`.

    A path of the space is meant with all below it, never with a longer name: ``/doc`` does not cover ``/docs``.
    """
    return any(path == root or path.startswith(root if root.endswith("/") else f"{root}/") for root in space)

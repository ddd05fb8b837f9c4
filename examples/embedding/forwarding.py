"""What a proxy changes in the heads that pass it: functions of values, without I/O (RFC 9110, 7.6).

A field is either for the recipient at the far end, or for the next hop only. The second kind is taken out here, and
what our own next hop has to know is said anew: how the body is framed, whether the connection stays, who we are. The
body and its Content-Encoding are for the far end and are never touched.
"""

from __future__ import annotations

from drywire_sansio.http1 import Fields, InformationalResponse, Request, Response

PSEUDONYM = b"drywire-example"
"""How this proxy calls itself in Via: a name that does not give its host away (RFC 9110, 7.6.3)."""

HOP_BY_HOP = frozenset(
    b"connection,keep-alive,proxy-authenticate,proxy-authentication-info,proxy-authorization,proxy-connection,te,"
    b"transfer-encoding,upgrade".split(b",")
)
# What Connection names goes, too. But a request that could name these would be another one at the origin: longer or
# shorter than we read it, or for another site.
NEVER_NAMED = frozenset({b"content-length", b"host"})

List = list[tuple[bytes, bytes]]


def values(fields: Fields, wanted: bytes) -> list[bytes]:
    """Return the members of the list field `wanted`, in lower case."""
    lines = (value for name, value in fields if name.lower() == wanted)
    return [member.strip().lower() for line in lines for member in line.split(b",")]


def end_to_end(fields: Fields, *, chunked: bool) -> List:
    """Return the fields that are not for this hop alone. Trailer stays where trailers can follow: if `chunked`."""
    gone = HOP_BY_HOP | (set(values(fields, b"connection")) - NEVER_NAMED)
    if not chunked:
        gone |= {b"trailer"}
    return [pair for pair in fields if pair[0].lower() not in gone]


def via(version: bytes) -> tuple[bytes, bytes]:
    """Return the line that we add for a message received as `version`; it goes behind those of earlier proxies."""
    return b"Via", b"%b %b" % (version, PSEUDONYM)


def request_to_origin(request: Request, authority: bytes) -> Request:
    """Return `request` as it goes to the origin, whose name is `authority` where the client gives none."""
    fields = list(request.headers)
    names = {name.lower() for name, _ in fields}
    chunked = b"transfer-encoding" in names
    target, site = origin_form(request)
    passed = end_to_end(fields, chunked=chunked)
    if site is not None:  # the target's authority counts, whatever Host says (RFC 9112, 3.2.2)
        passed = [(b"Host", site), *(pair for pair in passed if pair[0].lower() != b"host")]
    elif b"host" not in names:  # HTTP/1.0
        passed.insert(0, (b"Host", authority))
    if request.http_version == b"1.0":  # there it has no meaning (RFC 9110, 10.1.1)
        passed = [pair for pair in passed if pair[0].lower() != b"expect"]
    if chunked:
        passed.append((b"Transfer-Encoding", b"chunked"))
    passed.append(via(request.http_version))
    # A connection for each request: simple, and never one that the origin closes just now. A pool would do better.
    if b"trailers" in values(fields, b"te"):
        return Request(request.method, target, [*passed, (b"TE", b"trailers"), (b"Connection", b"close, TE")])
    return Request(request.method, target, [*passed, (b"Connection", b"close")])


def origin_form(request: Request) -> tuple[bytes, bytes | None]:
    """Return the target as an origin is asked for it, and the authority that it named, if it did (RFC 9112, 3.2)."""
    target = request.target
    if target[:7].lower() != b"http://":
        return target, None
    authority, slash, rest = target[7:].partition(b"/")
    authority, mark, query = authority.partition(b"?")
    if mark:
        return b"/?" + query + slash + rest, authority
    if request.method == b"OPTIONS" and not slash:
        return b"*", authority
    return b"/" + rest, authority


def response_to_client(response: Response, *, close: bool, chunked: bool) -> Response:
    """Return `response` as it goes to the client; with `close`, this connection ends behind it.

    Framing is left to our ServerConnection: chunked where there is no Content-Length, or until the close for a 1.0
    client, which is not `chunked`.
    """
    passed = end_to_end(response.headers, chunked=chunked)
    if response.status == 204:  # has no body, and cannot say how long it is not (RFC 9110, 8.6)
        passed = [pair for pair in passed if pair[0].lower() != b"content-length"]
    passed.append(via(response.http_version))
    if close:
        passed.append((b"Connection", b"close"))
    return Response(response.status, passed, response.reason)


def interim_to_client(response: InformationalResponse) -> InformationalResponse:
    """Return a 1xx response as it goes to the client."""
    passed = [pair for pair in end_to_end(response.headers, chunked=False) if pair[0].lower() != b"content-length"]
    return InformationalResponse(response.status, passed, response.reason)

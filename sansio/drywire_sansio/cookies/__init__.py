"""Cookies (RFC 6265 and its successor, RFC 6265bis), for clients and servers: values in, values out.

`parse_set_cookie` and `parse_cookie` read the two fields, `write_cookie` writes the second. `accept` decides what a
server may set, and a `Jar` keeps it, bounded, and says which cookies a request carries. The time comes in as an
argument, and what is a public suffix as a function.

    jar = Jar()
    origin = Origin("example.com", "/", secure=True)
    said = parse_set_cookie("id=1; Path=/; Secure")
    if said is not None and (cookie := accept(Cookie(said.name, said.value), said.attributes, origin, now)) is not None:
        jar.store(cookie, now, secure_origin=origin.secure)
    field = write_cookie((cookie.name, cookie.value) for cookie in sendable(jar.match(origin, now)))
"""

from .accepting import NOWHERE, Cookie, Origin, accept
from .expiry import LAST_MOMENT, deadline, parse_cookie_date, parse_max_age
from .jar import BOUNDS, Bounds, Jar, sendable
from .matching import default_path, domain_matches, is_address, is_loopback, path_matches
from .parsing import (
    MAX_PAIR,
    SetCookie,
    is_cookie_name,
    is_cookie_value,
    parse_cookie,
    parse_set_cookie,
    unquote,
    write_cookie,
)
from .suffixes import IsPublicSuffix, SuffixList, top_level

__all__ = [
    "BOUNDS",
    "LAST_MOMENT",
    "MAX_PAIR",
    "NOWHERE",
    "Bounds",
    "Cookie",
    "IsPublicSuffix",
    "Jar",
    "Origin",
    "SetCookie",
    "SuffixList",
    "accept",
    "deadline",
    "default_path",
    "domain_matches",
    "is_address",
    "is_cookie_name",
    "is_cookie_value",
    "is_loopback",
    "parse_cookie",
    "parse_cookie_date",
    "parse_max_age",
    "parse_set_cookie",
    "path_matches",
    "sendable",
    "top_level",
    "unquote",
    "write_cookie",
]

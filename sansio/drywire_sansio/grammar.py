"""The ABNF that drywire reads and writes, as compiled patterns: one line and one RFC section each.

Repetition is possessive (``*+``) throughout: what was matched is never given back, so no input makes a pattern
take more than linear time. Patterns are over bytes, so that ``\\d``, ``strip`` or ``lower`` cannot let in what
Unicode, but not HTTP, takes for a digit, a space or a letter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = [
    "AUTHORITY_FORM",
    "CHUNK_HEAD",
    "CHUNK_SIZE",
    "CONTENT_LENGTH",
    "CONTROL_BYTE",
    "FIELD",
    "FIELD_LINE",
    "FIELD_LINES",
    "FRAMING_FIELD",
    "FRAMING_NAME",
    "HOST",
    "HTTP_VERSION",
    "METHOD",
    "NEXT_PLAIN_SIZE",
    "PLAIN_SIZE",
    "REASON",
    "REQUEST_FIELD",
    "REQUEST_LINE",
    "REQUEST_TARGET",
    "SPACED_CHUNK_HEAD",
    "STATUS_LINE",
    "TARGET_FORM",
    "TOKEN",
    "head",
]

# RFC 9110, 5.6.2: token
_TCHAR: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# RFC 9110, 5.5: field-value holds VCHAR, obs-text, SP and HTAB; CR, LF and NUL never. Said positively, since the
# negated set takes `re` twice the time (2.1 against 1.2 microseconds for a browser's head).
_VALUE: Final = rb"[\t\x20-\x7e\x80-\xff]"
# RFC 9112, 3.2: visible ASCII; a fragment ("#") is not part of any form of request-target
_TARGET: Final = rb"[\x21\x22\x24-\x7e]"


def _ipv6() -> bytes:
    """Return RFC 3986's nine alternatives for IPv6address, lower case only."""
    group, octet = rb"[0-9a-f]{1,4}", rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    ipv4 = rb"\.".join([octet] * 4)
    end = rb"(?:%b:%b|%b)" % (group, group, ipv4)
    forms = [rb"(?:%b:){6}%b" % (group, end), rb"::(?:%b:){5}%b" % (group, end)]
    for left, right in zip(range(5), (4, 3, 2, 1, 0), strict=True):
        forms.append(rb"(?:(?:%b:){0,%d}%b)?::(?:%b:){%d}%b" % (group, left, group, group, right, end))
    forms += [rb"(?:(?:%b:){0,5}%b)?::%b" % (group, group, group), rb"(?:(?:%b:){0,6}%b)?::" % (group, group)]
    return rb"(?:" + rb"|".join(forms) + rb")"


# RFC 3986, 3.2.2: host, where reg-name covers IPv4 too; RFC 6874: zones. There is no IP version of the future yet.
# Lower case: it is matched on a lower-cased copy.
_REG_NAME: Final = rb"(?:[0-9a-z.\-_~!$&'()*+,;=]++|%[0-9a-f]{2})"
_HOST: Final = rb"(?:\[" + _ipv6() + rb"(?:%25[0-9a-z._~\-]++)?\]|" + _REG_NAME + rb"*+)"
_PORT: Final = rb"(?:[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

TOKEN: Final = re.compile(_TCHAR + rb"++")
METHOD: Final = TOKEN
REQUEST_TARGET: Final = re.compile(_TARGET + rb"++")
HTTP_VERSION: Final = re.compile(rb"HTTP/[0-9]\.[0-9]")
REASON: Final = re.compile(_VALUE + rb"*+")  # RFC 9112, 4: reason-phrase

# RFC 9112, 3: request-line = method SP request-target SP HTTP-version
REQUEST_LINE: Final = re.compile(rb"(" + _TCHAR + rb"++) (" + _TARGET + rb"++) HTTP/(1\.[01])\r\n")
# RFC 9112, 4: status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last SP is widely left out
STATUS_LINE: Final = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?: (" + _VALUE + rb"*+))?\r\n")
# RFC 9112, 5: field-line = field-name ":" OWS field-value OWS; no space before the colon, no obs-fold
FIELD_LINE: Final = re.compile(_TCHAR + rb"++:" + _VALUE + rb"*+\r\n")
FIELD_LINES: Final = re.compile(rb"(?:" + FIELD_LINE.pattern + rb")*+")


@lru_cache(64)
def head(start_line: bytes, field_count: int) -> re.Pattern[bytes]:
    """Return the pattern of a head that begins as `start_line` says and has at most `field_count` fields.

    The bound costs no time of its own.
    """
    return re.compile(rb"%b((?:%b){0,%d}+)\r\n" % (start_line, FIELD_LINE.pattern, field_count))


# Splits validated field lines. A value that does not begin with white space and is greedy up to its last other
# byte gives back at most its own trailing white space, once.
FIELD: Final = re.compile(rb"([^:]++):[ \t]*+([^\r]*[^\r \t]|)[ \t]*+\r\n")

# The six fields that decide how a message is framed and what becomes of the connection, at the start of a line of
# a validated and lower-cased head: nothing else can follow a line feed there.
_FRAMING_NAMES: Final = rb"con(?:nection|tent-length)|expect|host|transfer-encoding|upgrade"
# A tab behind a value stays with it, so that a length, a coding or a host is refused with it: llhttp does not see the
# coding in "chunked<tab>".
_FIELD_VALUE: Final = rb":[ \t]*+([^\r]*[^\r ]|)[ ]*+\r"
FRAMING_FIELD: Final = re.compile(rb"\n(" + _FRAMING_NAMES + rb")" + _FIELD_VALUE)
# In a request also those that have one value and decide who asks for what, or what the body is: of two, each of two
# parsers could take another.
REQUEST_FIELD: Final = re.compile(
    rb"\n("
    + _FRAMING_NAMES
    + rb"|authorization|content-(?:location|range|type)|if-(?:unmodified-since|modified-since|range)|max-forwards"
    + rb"|origin|proxy-authorization|range|referer)"
    + _FIELD_VALUE
)
# What some parser or other could take for one of them, however mangled: white space and odd bytes count for nothing.
FRAMING_NAME: Final = re.compile(rb"[^a-z]*+(?:" + _FRAMING_NAMES + rb")[^a-z:]*+:")

# What no line of a head may hold. A CR that nothing follows yet is not judged.
CONTROL_BYTE: Final = re.compile(rb"\r(?=[^\n])|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

# RFC 9110, 8.6: Content-Length = 1*DIGIT, and here no more digits than 64 bits can need
CONTENT_LENGTH: Final = re.compile(rb"[0-9]{1,18}")

# RFC 9110, 7.2: Host = uri-host [ ":" port ], matched on a lower-cased value
HOST: Final = re.compile(rb"(?!:)" + _HOST + rb"(?::" + _PORT + rb"?)?")
# RFC 9112, 3.2.1, 3.2.2 and 3.2.4: origin-form, absolute-form and asterisk-form; matched on a lower-cased copy. User
# information in a target is an error (RFC 9110, 4.2.4), an empty host too (RFC 9110, 4.2.1).
TARGET_FORM: Final = re.compile(
    rb"/|\*\Z|[a-z][a-z0-9+.\-]*+://(?![:/?]|\Z)" + _HOST + rb"(?::" + _PORT + rb"?)?(?=[/?]|\Z)"
)
# RFC 9112, 3.2.3: authority-form, for CONNECT only, always with a port, not 0; matched on a lower-cased copy
AUTHORITY_FORM: Final = re.compile(rb"(?!:)" + _HOST + rb":(?!0++\Z)" + _PORT)

# RFC 9112, 7.1.1: chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_CHUNK_EXTENSION: Final = (
    rb"[ \t]*+;[ \t]*+" + _TCHAR + rb"++(?:[ \t]*+=[ \t]*+(?:" + _TCHAR + rb"++|" + _QUOTED + rb"))?+"
)
# RFC 9112, 7.1: chunk-size = 1*HEXDIG, here at most 16 of them: as many as 64 bits can need
CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")
_CHUNK_HEAD: Final = rb"(" + CHUNK_SIZE.pattern + rb")(?:" + _CHUNK_EXTENSION + rb")*+"
CHUNK_HEAD: Final = re.compile(_CHUNK_HEAD + rb"\r\n")
# Of a chunk that is not the last and has no extension: its size line, and that with the CRLF before it
PLAIN_SIZE: Final = re.compile(rb"(?!0++\r)(" + CHUNK_SIZE.pattern + rb")\r\n")
NEXT_PLAIN_SIZE: Final = re.compile(rb"\r\n" + PLAIN_SIZE.pattern)
SPACED_CHUNK_HEAD: Final = re.compile(_CHUNK_HEAD + rb"[ \t]*+\r\n")  # of servers that pad sizes to a fixed width

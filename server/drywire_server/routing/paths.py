"""The one form in which paths of routes and of requests are compared, and paths with variables, taken apart."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote

__all__ = [
    "Segment",
    "SegmentPattern",
    "Template",
    "Variable",
    "decoded_path",
    "parse_template",
    "quoted_path",
    "segment_patterns",
    "variable_value",
]

_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})++|%")
_KEPT: Final = re.compile(rb"[/%]")
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")
_NEEDS_QUOTING: Final = re.compile(r"[^A-Za-z0-9!$&'()*+,;=:@._~/%-]")
_SAFE: Final = "!$&'()*+,;=:@-._~/"  # pchar without percent-encoding, and the slash (RFC 3986, 3.3)

_VARIABLE: Final = re.compile(r"\{(?P<name>[A-Za-z_]\w*)(?::(?P<pattern>[^{}]+(?:\{[^{}]*\}[^{}]*)*))?\}", re.ASCII)
SEGMENT: Final = "[^{}/]+"
"""What a variable without a pattern of its own matches."""

_ATOM: Final = re.compile(
    r"""
      (?P<kind> \[ \^? \]? (?: \\. | [^\]\\] )* \] | \\. | [\w \-_~@=,!"'#%&:;<>`] | \. )
    | [*+?]{1,2} | \{ \d* (?:,\d*)? \} \??  | \| | \( (?: \?: | (?!\?) ) | \) | \^ | \$
    """,
    re.VERBOSE | re.ASCII,
)
"""A part of a pattern of which is known what it matches: one character, of some kind, or nothing."""


def decoded_path(path: str) -> str:
    """Return `path` percent-decoded, but for ``%2F`` and ``%25``, which stay: so no segment can fall into two.

    What is no UTF-8 stays encoded, too, and a percent sign that encodes nothing counts as ``%25``. Linear in time.
    """
    return path if "%" not in path else _ESCAPES.sub(_decoded, path)


def _decoded(escapes: re.Match[str]) -> str:
    run = escapes[0]
    if run == "%":
        return "%25"
    octets = _KEPT.sub(lambda kept: b"%%%02X" % kept[0][0], bytes.fromhex(run.replace("%", "")))
    text = octets.decode("utf-8", "surrogateescape")
    return _NOT_UTF8.sub(lambda octet: f"%{ord(octet[0]) - 0xDC00:02X}", text)


def variable_value(text: str) -> str:
    """Return the value of a variable, of which `text` is the part of the decoded path."""
    return text if "%" not in text else text.replace("%2F", "/").replace("%25", "%")


def quoted_path(path: str) -> str:
    """Return `path` as it stands in a URL; what is percent-encoded already stays so."""
    return path if _NEEDS_QUOTING.search(path) is None else quote(path, safe=_SAFE + "%", errors="surrogateescape")


class Variable(NamedTuple):
    """A ``{name}`` or ``{name:pattern}`` of a path."""

    name: str
    pattern: str | None

    @property
    def within_segment(self) -> bool:
        """Whether what it matches is known to have no slash in it."""
        return self.pattern is None or not _may_match_slash(self.pattern)


class Segment(NamedTuple):
    """What stands between two slashes of a path with variables."""

    text: str
    """The whole segment; where it varies, what it begins with."""
    varies: bool


class Template(NamedTuple):
    """A path with variables: what stands there in turn, either a text that is decoded, or a `Variable`."""

    path: str
    parts: tuple[str | Variable, ...]

    @property
    def regex(self) -> str:
        """The regular expression of the decoded paths that it matches."""
        return "".join(
            re.escape(part) if isinstance(part, str) else f"(?P<{part.name}>{part.pattern or SEGMENT})"
            for part in self.parts
        )

    @property
    def formatter(self) -> str:
        """The path, percent-encoded, with ``{name}`` for each variable."""
        return "".join(quoted_path(part) if isinstance(part, str) else f"{{{part.name}}}" for part in self.parts)

    @property
    def without_slash(self) -> set[str]:
        """The names of the variables that can have no slash in them but one that is percent-encoded."""
        return {part.name for part in self.parts if isinstance(part, Variable) and part.within_segment}

    def segments(self) -> tuple[list[Segment], bool]:
        """Return its segments, and whether they are all of it.

        They end before a segment that may have slashes in it: what follows is a matter of the regular expression.
        """
        found: list[Segment] = []
        text, varies = "", False
        for part in self.parts:
            if isinstance(part, str):
                first, *others = part.split("/")
                for following in others:
                    found.append(Segment(text if varies else text + first, varies))
                    text, varies, first = following, False, ""
                text = text if varies else text + first
            elif part.within_segment:
                varies = True
            else:
                return found[1:], False
        found.append(Segment(text, varies))
        return found[1:], True


class SegmentPattern(NamedTuple):
    """A segment with variables that have no patterns: what stands before, between and behind them, and their names."""

    texts: tuple[str, ...]
    names: tuple[str, ...]

    def match(self, segment: str, variables: dict[str, str]) -> bool:
        """Put in `variables` what a regular expression of the same would find, in time in line with the length.

        Each variable takes as much as it can, the first ones first: so the texts between lie as far back as they can.
        """
        first, *between, last = self.texts
        begin, end = len(first), len(segment) - len(last)
        if end - begin < len(self.names) or not (segment.startswith(first) and segment.endswith(last)):
            return False
        values: list[str] = []
        for text in reversed(between):
            found = segment.rfind(text, begin + 1, end - 1)
            if found < 0:
                return False
            values.append(segment[found + len(text) : end])
            end = found
        values.append(segment[begin:end])
        variables.update(zip(self.names, reversed(values), strict=True))
        return True


def segment_patterns(template: Template) -> tuple[str | SegmentPattern, ...] | None:
    """Return the segments of `template`, fixed ones as text, where one has several variables and none has a pattern.

    A regular expression of those would take a time that grows with a power of the path's length; None for others.
    """
    segments: list[tuple[list[str], list[str]]] = [([""], [])]
    for part in template.parts:
        if isinstance(part, Variable):
            if part.pattern is not None:
                return None
            segments[-1][0].append("")
            segments[-1][1].append(part.name)
            continue
        if "{" in part or "}" in part:
            return None
        for number, text in enumerate(part.split("/")):
            if number:
                segments.append(([""], []))
            segments[-1][0][-1] += text
    if max(len(names) for _, names in segments) < 2:
        return None
    return tuple(SegmentPattern(tuple(texts), tuple(names)) if names else texts[0] for texts, names in segments)


def parse_template(path: str) -> Template:
    """Take `path` apart. Raises ValueError for braces that hold no name, or a name and a pattern."""
    parts: list[str | Variable] = []
    position = 0
    for variable in _VARIABLE.finditer(path):
        if variable.start() > position:
            parts.append(_literal(path, position, variable.start()))
        parts.append(Variable(variable["name"], variable["pattern"]))
        position = variable.end()
    if position < len(path):
        parts.append(_literal(path, position, len(path)))
    return Template(path, tuple(parts))


def _literal(path: str, start: int, end: int) -> str:
    text = path[start:end]
    if "{" in text or "}" in text:
        raise ValueError(f"Invalid path {path!r}: the braces of {text!r} must hold a name, or a name and a pattern")
    return decoded_path(text)


def _may_match_slash(pattern: str) -> bool:
    """Whether a regular expression may match a text with a slash in it; True where that is not sure."""
    position = 0
    while position < len(pattern):
        atom = _ATOM.match(pattern, position)
        if atom is None:
            return True
        kind = atom["kind"]
        if kind is not None and ((kind[:1] == "\\" and kind[1:].isdigit()) or _matches_slash(kind)):
            return True
        position = atom.end()
    return False


def _matches_slash(kind: str) -> bool:
    try:
        return re.match(kind, "/") is not None
    except re.error:
        return True

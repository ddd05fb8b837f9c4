"""Public suffixes: domains such as ``co.uk``, below which everybody may have a name, so that nobody sets cookies there.

The jar asks a function, `IsPublicSuffix`. `top_level` knows nothing but that the last label is one; `SuffixList` reads
the list of https://publicsuffix.org, which changes too often to be part of a library.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["IsPublicSuffix", "SuffixList", "top_level"]

IsPublicSuffix = Callable[[str], bool]
"""Says whether a domain, in lower case, in ASCII and without a dot in front, is a public suffix."""


def top_level(domain: str) -> bool:
    """Return whether `domain` has but one label: what holds where no list is known."""
    return "." not in domain


class SuffixList:
    """The rules of a public suffix list; call it with a domain.

    `text` is the content of ``public_suffix_list.dat``: a rule a line, ``//`` before comments. `private` says whether
    the second part of the list, of companies whose customers have names below theirs, counts too.
    """

    def __init__(self, text: str, *, private: bool = True) -> None:
        self._rules: set[str] = set()
        for line in text.splitlines():
            if not private and "===BEGIN PRIVATE DOMAINS===" in line:
                break
            rule = line.split(maxsplit=1)[0] if line.strip() else "//"
            if not rule.startswith("//"):
                self._rules.add(_to_ascii(rule))

    def __call__(self, domain: str) -> bool:
        """Return whether `domain` is a public suffix: by an exact rule, by a wildcard, or as a top level."""
        if "!" + domain in self._rules:
            return False
        if domain in self._rules or top_level(domain):
            return True
        return "*." + domain.partition(".")[2] in self._rules


def _to_ascii(rule: str) -> str:
    """Return `rule` as hosts stand in a URL; one that has no such form can match nothing, and stays as it is."""
    rule = rule.lower()
    if rule.isascii():
        return rule
    try:
        return rule.encode("idna").decode("ascii")
    except UnicodeError:
        return rule

"""Rules by which a request goes to an application of its own: a domain (`Domain`), or many by a mask (`MaskDomain`)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, Final

from yarl import URL

__all__ = ["AbstractRuleMatching", "Domain", "MaskDomain"]

DEFAULT_PORT: Final = 80


class AbstractRuleMatching(ABC):
    """A rule that some requests satisfy."""

    @abstractmethod
    async def match(self, request: Any) -> bool:
        """Whether `request` does."""

    @abstractmethod
    def get_info(self) -> dict[str, Any]:
        """Return what is known of the rule, for introspection."""

    @property
    @abstractmethod
    def canonical(self) -> str:
        """The rule as text."""


class Domain(AbstractRuleMatching):
    """Requests to one host, in any case; with a port in `domain`, to that port only (80 counts as none).

    Raises TypeError where `domain` is no str, ValueError where it is no domain.
    """

    label: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")

    def __init__(self, domain: str) -> None:
        self._domain = self.validation(domain)
        self._host, _, self._port = self._domain.partition(":")

    def validation(self, domain: str) -> str:
        """Return `domain` in lower case and ASCII. Raises what the constructor does."""
        if not isinstance(domain, str):
            raise TypeError(f"Domain must be str, not {type(domain).__name__}")
        domain = domain.rstrip(".").lower()
        if not domain:
            raise ValueError("Domain cannot be empty")
        if any(mark in domain for mark in "/?#@\\") and "://" not in domain:
            raise ValueError(f"Domain not valid: {domain!r}")
        if "://" in domain:
            raise ValueError(f"Scheme not supported: {domain!r} must be a domain, not a URL")
        try:
            url = URL(f"http://{domain}")
            host, port = url.raw_host or "", url.port
        except ValueError as error:
            raise ValueError(f"Domain not valid: {domain!r}") from error
        if any(self._label_of(part) is None for part in host.split(".")):
            raise ValueError(f"Domain not valid: {domain!r}")
        return host if port == DEFAULT_PORT else f"{host}:{port}"

    def _label_of(self, text: str) -> re.Match[str] | None:
        return self.label.fullmatch(text)

    @property
    def canonical(self) -> str:
        """The domain, with its port if it has one."""
        return self._domain

    def get_info(self) -> dict[str, Any]:
        """Return the domain, as ``domain``."""
        return {"domain": self._domain}

    async def match(self, request: Any) -> bool:
        """Whether the Host field of `request` is the domain."""
        return self.matches(request)

    def matches(self, request: Any) -> bool:
        """Do as `match` does, without a wait."""
        host = request.headers.get("Host")
        return bool(host) and self.match_domain(host)

    def match_domain(self, host: str) -> bool:
        """Whether `host`, with a port or without, is the domain."""
        name, _, port = host.lower().partition(":")
        if self._port and port != self._port:
            return False
        return self._names(name.removesuffix("."))

    def _names(self, host: str) -> bool:
        return host == self._host


class MaskDomain(Domain):
    """Requests to all hosts that a mask stands for, in which ``*`` is any text, as in ``*.example.com``."""

    masked_label: Final = re.compile(r"(?!-)[a-z0-9*-]{1,63}(?<!-)")

    def _label_of(self, text: str) -> re.Match[str] | None:
        return self.masked_label.fullmatch(text)

    @property
    def canonical(self) -> str:
        """The mask as a regular expression."""
        return self._domain.replace(".", r"\.").replace("*", "[^:]*") + "(:.*)?"

    def _names(self, host: str) -> bool:
        # A regular expression of many stars could take a time that grows with a power of the host's length.
        first, *others = self._host.split("*")
        if not others:
            return host == first
        last = others.pop()
        if len(host) < len(first) + len(last) or not (host.startswith(first) and host.endswith(last)):
            return False
        position, end = len(first), len(host) - len(last)
        for part in others:
            found = host.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return True

"""Resolvers: what asks for the addresses of a host. The system's own, DNS without threads, or one of yours."""

from __future__ import annotations

import contextlib
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypedDict

from yarl import URL

from drywire_transports import Runtime, current_runtime
from drywire_transports.dialling import literal_address

from .dns_sockets import Backend

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver as DNSResolver
    from dns.nameserver import Do53Nameserver

__all__ = ["AbstractResolver", "AsyncResolver", "DefaultResolver", "ResolveResult", "ThreadedResolver", "host_name"]

LONGEST_NAME: Final = 253
"""Characters of a host name without the dot at its end (RFC 1035, 2.3.4, as text)."""

RESOLUTION_DELAY: Final = 0.05
"""Seconds that IPv6 addresses are waited for once those of IPv4 are there (RFC 8305, section 3)."""

NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

# Labels of letters, digits and hyphens (RFC 1123, 2.1), and the underscore that names inside of networks often have.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}+(?:\.[A-Za-z0-9_-]{1,63}+)*+\.?")
_LAST_IS_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]++|0[xX][0-9A-Fa-f]*+)\.?", re.DOTALL)
_SERVER: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})")


class _Validity(TypedDict, total=False):
    ttl: float
    """Seconds that the address may be kept, where the resolver knows (aiohttp has no such key)."""


class ResolveResult(_Validity):
    """One address that a resolver has found. Of a resolver of your own, `host` and `port` are enough."""

    hostname: str
    """The name that was asked for."""
    host: str
    """An IP address as text, for IPv6 perhaps with ``%`` and a scope; never a name."""
    port: int
    """The port to connect to: this one is used, whatever the URL says."""
    family: int
    """``socket.AF_INET`` or ``socket.AF_INET6``."""
    proto: int
    """The protocol, 0 for any."""
    flags: int
    """What `socket.getaddrinfo` would have to be told of `host`: ``AI_NUMERICHOST``."""


class AbstractResolver(ABC):
    """Base class for resolvers of your own; a class with the same methods will do as well."""

    @abstractmethod
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`, best first; `family` is ``socket.AF_UNSPEC`` where any will do.

        Raise OSError where there is none: the request fails with ClientConnectorDNSError. Anything else that is raised
        comes out of the request as it is.
        """

    @abstractmethod
    async def close(self) -> None:
        """Give back what the resolver holds. A connector closes only the resolver that it has made itself."""


def host_name(host: str) -> str:
    """Return `host` as resolvers are asked for it: in ASCII (IDNA), with one dot at its end at most.

    Raises ValueError where it is no host name. An IPv4 address in an unusual form (``127.1``, ``0x7f.1``) is none: some
    resolvers take it for an address that nobody has checked.
    """
    name = host
    if not name.isascii() and len(name) <= LONGEST_NAME:
        with contextlib.suppress(ValueError):
            name = URL.build(scheme="http", host=name).raw_host or host
    if name.endswith(".."):
        name = name.rstrip(".") + "."
    shown = host[:60]
    if len(name.removesuffix(".")) > LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise ValueError(f"{shown!r} is not a host name (RFC 1123, 2.1)")
    if _LAST_IS_NUMBER.fullmatch(name) is not None:
        raise ValueError(f"{shown!r} is neither a host name nor an IP address in its usual form")
    return name


def is_localhost(name: str) -> bool:
    """Return whether `name` is this machine, whatever DNS may say (RFC 6761, 6.3)."""
    name = name.removesuffix(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def _without_asking(host: str, port: int, family: int) -> list[ResolveResult] | None:
    """Return the address that `host` spells, or None where it is a name."""
    literal = literal_address(host.partition("%")[0] if ":" in host else host, port)
    if literal is None:
        return None
    if family not in (socket.AF_UNSPEC, literal.family):
        raise socket.gaierror(socket.EAI_NONAME, f"{host[:60]!r} is an address of another family than was asked for")
    return [_result(host, host, port, literal.family)]


def _name_to_ask(host: str) -> str:
    try:
        return host_name(host)
    except ValueError as error:
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error


def _loopback(host: str, port: int, family: int) -> list[ResolveResult]:
    found = [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")]
    return [_result(host, address, port, one) for one, address in found if family in (socket.AF_UNSPEC, one)]


def _result(name: str, address: str, port: int, family: int, proto: int = 0) -> ResolveResult:
    return {"hostname": name, "host": address, "port": port, "family": family, "proto": proto, "flags": NUMERIC}


class ThreadedResolver(AbstractResolver):
    """The system's resolver, `socket.getaddrinfo`, in a worker thread.

    It knows all that the system knows: /etc/hosts, the search list, mDNS, the caches of the machine. Of its records'
    times to live it says nothing. `loop` is not needed.
    """

    def __init__(self, loop: object = None) -> None:
        pass

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`, in the system's order. Raises OSError where there is none."""
        spelt = _without_asking(host, port, family)
        if spelt is not None:
            return spelt
        name = _name_to_ask(host)
        local = is_localhost(name)
        # AI_ADDRCONFIG does not count loopback: on a machine without a network it would hide localhost itself.
        flags = 0 if local else socket.AI_ADDRCONFIG
        ask = socket.getaddrinfo
        try:
            infos = await current_runtime().in_thread(
                ask, name.encode("ascii"), port, family, socket.SOCK_STREAM, 0, flags
            )
        except socket.gaierror:
            if not local:
                raise
            return _loopback(host, port, family)
        found = [_of_sockaddr(host, info[0], info[2], info[4]) for info in infos]
        return [result for result in found if result is not None]

    async def close(self) -> None:
        """Do nothing: it holds nothing."""


def _of_sockaddr(name: str, family: int, proto: int, sockaddr: tuple[Any, ...]) -> ResolveResult | None:
    if family == socket.AF_INET:
        return _result(name, sockaddr[0], sockaddr[1], family, proto)
    if family != socket.AF_INET6 or len(sockaddr) < 4 or not isinstance(sockaddr[0], str):
        return None  # a Python without IPv6 gives bytes
    scope = f"%{sockaddr[3]}" if sockaddr[3] and "%" not in sockaddr[0] else ""
    return _result(name, sockaddr[0] + scope, sockaddr[1], family, proto)


class AsyncResolver(AbstractResolver):
    """Asks DNS servers itself, without threads, on asyncio and on trio; needs dnspython: ``drywire[dns]``.

    `nameservers` are addresses, each perhaps with a port: ``"10.0.0.1"``, ``"127.0.0.1:5353"``, ``"[fd00::1]:53"``;
    without them, those of the system (/etc/resolv.conf, read once), with its search list. They are asked in turn, each
    `timeout` seconds at a time (what the system says, or 2), `lifetime` seconds in all (10); with `rotate`, in random
    order. `domains` is the list of suffixes under which a name with fewer than `ndots` dots (1) is looked for first; a
    name that ends in a dot is taken as it is. Answers that UDP cuts off are asked for again over TCP.

    A and AAAA records are asked for at once; where only AAAA is late, it is not waited for (RFC 8305, section 3).
    /etc/hosts is not read; ``localhost`` is always this machine (RFC 6761). Each result has the `ttl` of its records.

    Raises RuntimeError without dnspython, ValueError for a nameserver that is none. `loop` is not needed.
    """

    def __init__(
        self,
        loop: object = None,
        nameservers: Sequence[str] | None = None,
        *,
        port: int = 53,
        timeout: float | None = None,
        lifetime: float = 10.0,
        domains: Sequence[str] | None = None,
        ndots: int | None = None,
        rotate: bool | None = None,
        resolvconf_path: str = "/etc/resolv.conf",
    ) -> None:
        _dns("dns.asyncresolver")
        if nameservers is not None and (isinstance(nameservers, str) or not nameservers):
            raise ValueError(f"nameservers must be a list of addresses, not {nameservers!r}")
        self._servers = None if nameservers is None else [_nameserver(server, port) for server in nameservers]
        self._domains = None if domains is None else [host_name(domain.strip(".")) for domain in domains]
        self._timeout, self._lifetime, self._ndots, self._rotate = timeout, lifetime, ndots, rotate
        self._path, self._port = resolvconf_path, port
        self._asker: DNSResolver | None = None
        self._closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`, of IPv6 first. Raises OSError where there is none, or nobody answers."""
        if self._closed:
            raise RuntimeError("the resolver is closed")
        spelt = _without_asking(host, port, family)
        if spelt is not None:
            return spelt
        name = _name_to_ask(host)
        if is_localhost(name):
            return _loopback(host, port, family)
        runtime = current_runtime()
        if self._asker is None:
            self._asker = await runtime.in_thread(self._configured)
        question = _Question(runtime, self._asker, host, port, self._lifetime)
        return await question.first_of(self._candidates(self._asker, name), family)

    async def close(self) -> None:
        """Refuse to be asked again; no socket outlives its question."""
        self._closed = True

    def _configured(self) -> DNSResolver:
        """Return what asks; called in a thread, since it reads files."""
        dns: Any = _dns("dns.asyncresolver")
        asker: DNSResolver
        if self._servers is None:
            try:
                asker = dns.Resolver(self._path)
            except _dns("dns.resolver").NoResolverConfiguration as error:
                raise OSError(f"this system names no nameserver ({error}): AsyncResolver(nameservers=[...])") from error
            if self._domains is None:
                root = _dns("dns.name").root
                own = [] if asker.domain == root else [asker.domain]
                self._domains = [str(domain).rstrip(".") for domain in asker.search or own]
        else:
            asker = dns.Resolver(configure=False)
            asker.nameservers = self._servers
        asker.port = self._port
        if self._timeout is not None:
            asker.timeout = self._timeout
        if self._rotate is not None:
            asker.rotate = self._rotate
        return asker

    def _candidates(self, asker: DNSResolver, name: str) -> list[str]:
        """Return the names to look for, in turn, each with the dot at its end."""
        if name.endswith("."):
            return [name]
        suffixed = [f"{name}.{domain}." for domain in self._domains or ()]
        suffixed = [candidate for candidate in suffixed if len(candidate) <= LONGEST_NAME + 1]
        ndots = self._ndots if self._ndots is not None else asker.ndots if asker.ndots is not None else 1
        return [f"{name}.", *suffixed] if name.count(".") >= ndots else [*suffixed, f"{name}."]


class _Question:
    """What one call of `AsyncResolver.resolve` asks, for at most `lifetime` seconds."""

    def __init__(self, runtime: Runtime, asker: DNSResolver, host: str, port: int, lifetime: float) -> None:
        self._runtime = runtime
        self._asker = asker
        self._host = host
        self._port = port
        self._lifetime = lifetime
        self._deadline = runtime.now() + lifetime
        own = _dns("dns.asyncbackend").get_backend(runtime.name)
        self._backend: Any = Backend(runtime, own, _dns("dns.exception").Timeout)

    async def first_of(self, candidates: Sequence[str], family: int) -> list[ResolveResult]:
        """Return the addresses of the first of `candidates` that has any."""
        failure: OSError | None = None
        for candidate in candidates:
            try:
                return await self._addresses(candidate, family)
            except OSError as error:
                # that a name is not there says less than that nobody could be asked for it
                if failure is None or isinstance(failure, _NoSuchName):
                    failure = error
            if self._runtime.now() >= self._deadline:
                break
        raise failure or socket.gaierror(socket.EAI_NONAME, f"{self._host[:60]!r} is too long a name")

    async def _addresses(self, name: str, family: int) -> list[ResolveResult]:
        if family == socket.AF_INET:
            return await self._ask(name, "A")
        if family == socket.AF_INET6:
            return await self._ask(name, "AAAA")
        outcome: list[list[ResolveResult] | Exception] = []
        other = self._runtime.spawn(self._ask_beside, name, outcome, name=f"drywire asks for AAAA of {name}")
        try:
            found: list[ResolveResult] = []
            error: Exception | None = None
            try:
                found = await self._ask(name, "A")
            except OSError as failure:
                error = failure
            await other.wait(self._runtime.now() + RESOLUTION_DELAY if found else self._deadline + RESOLUTION_DELAY)
        finally:
            other.cancel()
        beside = outcome[0] if outcome else []
        if isinstance(beside, list):
            found = beside + found
        elif error is None or isinstance(error, _NoSuchName):
            error = beside
        if not found:
            raise error or _NoSuchName(socket.EAI_NONAME, f"{self._host[:60]!r} has no address")
        return found

    async def _ask_beside(self, name: str, outcome: list[list[ResolveResult] | Exception]) -> None:
        try:
            outcome.append(await self._ask(name, "AAAA"))
        except Exception as error:
            outcome.append(error)

    async def _ask(self, name: str, kind: str) -> list[ResolveResult]:
        """Return what the records of `kind` say. Raises OSError, of which _NoSuchName says that there are none."""
        dns: Any = _dns("dns.resolver")
        lifetime = max(self._deadline - self._runtime.now(), 0.001)
        try:
            answer = await self._asker.resolve(name, kind, lifetime=lifetime, search=False, backend=self._backend)
        except (dns.NXDOMAIN, dns.NoAnswer) as error:
            why = "there is no such name" if isinstance(error, dns.NXDOMAIN) else f"it has no {kind} record"
            raise _NoSuchName(socket.EAI_NONAME, f"{self._host[:60]!r} has no address: {why}") from error
        except dns.LifetimeTimeout as error:
            text = f"no nameserver answered for {self._host[:60]!r} within {self._lifetime:g} s"
            raise socket.gaierror(socket.EAI_AGAIN, text) from error
        except _dns("dns.exception").DNSException as error:
            text = f"no nameserver could say the address of {self._host[:60]!r}: {error}"
            raise socket.gaierror(socket.EAI_AGAIN, text[:500]) from error
        family = socket.AF_INET if kind == "A" else socket.AF_INET6
        ttl = answer.chaining_result.minimum_ttl
        return [{**_result(self._host, record.address, self._port, family), "ttl": ttl} for record in answer]


class _NoSuchName(socket.gaierror):
    """DNS has answered that there is no such record."""


def _dns(module: str) -> Any:
    """Return a module of dnspython, which takes a tenth of a second to load. Raises RuntimeError without it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise RuntimeError("AsyncResolver needs dnspython: pip install 'drywire[dns]'") from error


def _nameserver(server: str, port: int) -> Do53Nameserver:
    """Return what is asked at `server`, an address perhaps with a port. Raises ValueError."""
    address = server
    with_port = _SERVER.fullmatch(server)
    if with_port is not None:
        address, port = with_port[1] or with_port[2], int(with_port[3])
    if literal_address(address.partition("%")[0], port) is None or not 0 < port < 65536:
        raise ValueError(f"a nameserver is an IP address, perhaps with a port, not {server!r}")
    made: Do53Nameserver = _dns("dns.nameserver").Do53Nameserver(address, port)
    return made


DefaultResolver = ThreadedResolver
"""What a connector uses that is given no resolver: the system knows more than DNS (hosts files, mDNS, VPNs)."""

"""A DNS server on this machine, over UDP and TCP, in a thread: it says what a test tells it to, and counts."""

import contextlib
import selectors
import socket
import struct
import threading

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

__all__ = ["DNSServer", "dns_server"]


class DNSServer:
    """A nameserver for the names that it is told of; of any other it says that it does not exist."""

    def __init__(self):
        self.queries = []
        """Questions in the order asked, as (name without its last dot, "A" or "AAAA", "udp" or "tcp")."""
        self._records = {}
        self._odd = {}
        self._held = {}
        self._lock = threading.Lock()
        self._udp, self._tcp = _bound()
        self.port = self._udp.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="DNS server of a test", daemon=True)
        self._thread.start()

    # What it is told

    def add(self, name, *records, ttl=60):
        """Let it know `records` of `name`, such as ``"A 127.0.0.1"`` or ``"CNAME other.example."``."""
        for record in records:
            kind, _, text = record.partition(" ")
            found = dns.rrset.from_text(f"{name}.", ttl, "IN", kind, text)
            self._records.setdefault((name, kind), []).append(found)

    def answer(self, name, how, kind=None):
        """Answer questions for `name` (of `kind`, else of any) in an odd way.

        "silence": not at all. "SERVFAIL", "REFUSED" ...: with that code. "truncated": over UDP with nothing but the
        flag. "stuck": so, and over TCP not at all. "hold": when `release` is called. "forged": first with answers to
        other questions and in another's name.
        """
        self._odd[name, kind] = how

    def release(self, name):
        """Send the answers that were held."""
        with self._lock:
            held = self._held.pop(name, [])
            self._odd = {key: how for key, how in self._odd.items() if key[0] != name}
        for wire, peer in held:
            self._udp.sendto(wire, peer)

    def asked(self, name, kind="A"):
        """Return how often `name` was asked for."""
        return sum(query[:2] == (name, kind) for query in self.queries)

    def close(self):
        self._stop.send(b"x")
        self._thread.join(10)
        for sock in (self._udp, self._tcp, self._stop, self._stopped):
            sock.close()

    # What it does

    def _serve(self):
        with contextlib.ExitStack() as clients, selectors.DefaultSelector() as selector:
            for sock in (self._udp, self._tcp, self._stopped):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._stopped in ready:
                    return
                if self._udp in ready:
                    wire, peer = self._udp.recvfrom(4096)
                    self._over_udp(wire, peer)
                if self._tcp in ready:
                    client, _ = self._tcp.accept()
                    clients.callback(client.close)
                    with contextlib.suppress(OSError):
                        self._over_tcp(client)

    def _over_udp(self, wire, peer):
        query = dns.message.from_wire(wire)
        how, reply = self._reply(query, "udp")
        if how == "silence":
            return
        if how in ("truncated", "stuck"):
            reply.answer = []
            reply.flags |= dns.flags.TC
        if how == "forged":
            self._forge(query, peer)
        with self._lock:
            if how == "hold":
                self._held.setdefault(_name(query), []).append((reply.to_wire(), peer))
                return
        self._udp.sendto(reply.to_wire(), peer)

    def _over_tcp(self, client):
        client.settimeout(5)
        wire = _exactly(client, *struct.unpack("!H", _exactly(client, 2)))
        query = dns.message.from_wire(wire)
        how, reply = self._reply(query, "tcp")
        if how != "stuck":
            client.sendall(reply.to_wire(prepend_length=True))
            client.close()

    def _reply(self, query, transport):
        (question,) = query.question
        name, kind = _name(query), dns.rdatatype.to_text(question.rdtype)
        with self._lock:
            self.queries.append((name, kind, transport))
            how = self._odd.get((name, kind)) or self._odd.get((name, None))
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if how is not None and how.isupper():
            reply.set_rcode(dns.rcode.from_text(how))
            return how, reply
        known = self._answer_for(name, kind)
        if known is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        else:
            reply.answer = known
        return how, reply

    def _answer_for(self, name, kind):
        """Return the records for a question, those that its aliases lead to included; None for no such name."""
        if not any(known == name for known, _ in self._records):
            return None
        found = []
        for _ in range(20):
            direct = self._records.get((name, kind))
            alias = self._records.get((name, "CNAME"))
            if direct is not None or alias is None:
                return [*found, *(direct or [])]
            found += alias
            name = alias[0][0].target.to_text(omit_final_dot=True)
        return found

    def _forge(self, query, peer):
        """Answer as somebody would who does not see the question: with another id, for another name, from elsewhere."""
        wires = []
        other = dns.message.make_query("other.example", query.question[0].rdtype, id=query.id)
        for question, change in ((query, 1), (other, 0)):
            forged = dns.message.make_response(question)
            forged.id = (query.id + change) % 65536
            name, kind = question.question[0].name, dns.rdatatype.to_text(question.question[0].rdtype)
            forged.answer = [dns.rrset.from_text(name, 60, "IN", kind, "6.6.6.6" if kind == "A" else "6::6")]
            wires.append(forged.to_wire())
        wires.append(b"\xff" * 40)
        for wire in wires:
            self._udp.sendto(wire, peer)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            real = dns.message.make_response(query)
            kind = dns.rdatatype.to_text(query.question[0].rdtype)
            evil = "6.6.6.6" if kind == "A" else "6::6"
            real.answer = [dns.rrset.from_text(query.question[0].name, 60, "IN", kind, evil)]
            elsewhere.sendto(real.to_wire(), peer)


def _exactly(client, size):
    """Return the next `size` bytes. Raises ConnectionError where the client has hung up before: it may, at any time."""
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionError("the client has hung up")
        data += more
    return data


def _name(query):
    return query.question[0].name.to_text(omit_final_dot=True).lower()


def _bound():
    """Return a UDP socket and a listening TCP socket with the same port."""
    for _ in range(20):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            continue
        tcp.listen(16)
        return udp, tcp
    raise AssertionError("no port is free for both UDP and TCP")


@pytest.fixture
def dns_server():
    """A DNS server, as `DNSServer`."""
    server = DNSServer()
    yield server
    server.close()

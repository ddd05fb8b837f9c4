"""Inputs out of nothing, as Hypothesis strategies: for each kind of message that a target is about."""

from __future__ import annotations

import zlib

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from drywire_sansio import strategies as http
from drywire_sansio.websocket.frames import pack_header
from drywire_sansio.websocket.masking import apply_mask

__all__ = ["inventions"]

CHOICES = st.integers(0, 255).map(lambda number: bytes([number]))


HANDSHAKE_LINES = [
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Connection: keep-alive, upgrade",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Version: 8",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    b"Sec-WebSocket-Protocol: chat, superchat",
    b"Sec-WebSocket-Protocol: chat",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10",
    b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover, permessage-deflate",
    b'Sec-WebSocket-Extensions: foo; bar="baz", permessage-deflate; client_max_window_bits="12"',
    b"Content-Length: 0",
]
_PAYLOADS = st.one_of(st.binary(max_size=130), st.text(max_size=40).map(str.encode), st.just(b"x" * 70_000))
_FIRSTS = st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A, 0x83, 0x8B, 0xC1, 0x91, 0xA1, 0x09])


_DEFLATED_FIRSTS = st.sampled_from([0x41, 0xC1, 0xC2, 0x81, 0x00, 0x80, 0x89])


def _deflated(content: bytes, window: int) -> bytes:
    stream = zlib.compressobj(wbits=-window)
    return stream.compress(content) + stream.flush(zlib.Z_SYNC_FLUSH)[:-4]


_DEFLATED = st.builds(_deflated, _PAYLOADS, st.sampled_from([9, 12, 15]))


@st.composite
def frames(
    draw: st.DrawFn,
    firsts: SearchStrategy[int] = _FIRSTS,
    payloads: SearchStrategy[bytes] = _PAYLOADS,
    key: bytes = b"",
) -> bytes:
    """Return a frame of any first byte, as a server sends it; with a `key`, as a client does."""
    first, payload = draw(firsts), draw(payloads)
    if first & 0x0F == 8:
        payload = draw(st.sampled_from([b"", b"\x03\xe8", b"\x03\xe9bye", b"\x03\xed", b"\x0b\xb8", b"\x01"]))
    if first & 0x08:
        payload = payload[:125]
    header = pack_header(first, len(payload), masked=bool(key))
    return header + key + apply_mask(payload, key) if key else header + payload


def _wires(kind: str) -> SearchStrategy[bytes]:
    match kind:
        case "requests":
            return http.pipelines(max_size=3).map(lambda messages: b"".join(message.wire for message in messages))
        case "responses":
            return http.responses().map(lambda message: message.wire)
        case "chunks":
            return http.bodies().flatmap(http.chunkings)
        case "fields":
            pairs = st.tuples(http.methods(), http.request_targets(), st.just(b"Host"), http.hosts())
            return st.tuples(pairs, http.header_sets()).map(
                lambda parts: b"|".join([*parts[0], *(text for pair in parts[1] for text in pair)])
            )
        case "frames":
            of_clients = frames(key=b"\x37\xfa\x21\x3d")
            return st.one_of(st.lists(each, max_size=6).map(b"".join) for each in (frames(), of_clients))
        case "deflated":
            either = st.one_of(frames(_DEFLATED_FIRSTS), frames(_DEFLATED_FIRSTS, _DEFLATED))
            return st.lists(either, max_size=6).map(b"".join)
        case "handshakes":
            return st.lists(st.sampled_from(HANDSHAKE_LINES), max_size=10).map(b"\n".join)
        case _:
            raise ValueError(f"no inventions of the kind {kind!r}")


def inventions(kind: str) -> SearchStrategy[bytes]:
    """Return inputs whose message is of `kind` (see `Target.messages`)."""
    return st.tuples(_wires(kind), CHOICES).map(b"".join)

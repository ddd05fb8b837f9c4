"""The opening handshake: each refusal of RFC 6455, 4, subprotocols, and what RFC 7692 lets two sides agree on."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio import http1, websocket
from drywire_sansio.websocket import Deflate

NONCE = b"the sample nonce"
KEY = base64.b64encode(NONCE)
REQUEST = {
    b"Host": b"example.com",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
}
RESPONSE = {
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Accept": websocket.accept_value(KEY),
}


def changed(fields, changes):
    """The fields with some replaced (None: left out), and some added where the name ends in a plus."""
    result = {name: value for name, value in fields.items() if changes.get(name, b"") is not None}
    result |= {name: value for name, value in changes.items() if value is not None and not name.endswith(b"+")}
    return [*result.items(), *((name[:-1], value) for name, value in changes.items() if name.endswith(b"+"))]


def request(changes=None, method=b"GET", version=b"1.1"):
    return http1.Request(method, b"/chat", changed(REQUEST, changes or {}), version)


def response(changes=None, status=101):
    kind = http1.InformationalResponse if status < 200 else http1.Response
    return kind(status, changed(RESPONSE, changes or {}), b"")


def test_the_example_of_the_rfc():
    # RFC 6455, 1.3
    assert websocket.accept_value(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


REFUSED_REQUESTS = {
    "another method": (request(method=b"POST"), "bad-method"),
    "HEAD": (request(method=b"HEAD"), "bad-method"),
    "a method in lower case": (request(method=b"get"), "bad-method"),
    "HTTP/1.0": (request(version=b"1.0"), "bad-method"),
    "no Upgrade": (request({b"Upgrade": None}), "bad-upgrade"),
    "an empty Upgrade": (request({b"Upgrade": b""}), "bad-upgrade"),
    "another protocol": (request({b"Upgrade": b"h2c"}), "bad-upgrade"),
    "websocket with a version": (request({b"Upgrade": b"websocket/13"}), "bad-upgrade"),
    "no Connection": (request({b"Connection": None}), "bad-connection"),
    "a Connection without upgrade": (request({b"Connection": b"keep-alive"}), "bad-connection"),
    "upgrade as a part of a token": (request({b"Connection": b"upgrades"}), "bad-connection"),
    "a body": (request({b"Content-Length": b"3"}), "unexpected-body"),
    "a chunked body": (request({b"Transfer-Encoding": b"chunked"}), "unexpected-body"),
    "no version": (request({b"Sec-WebSocket-Version": None}), "bad-version"),
    "two versions": (request({b"Sec-WebSocket-Version+": b"13"}), "bad-version"),
    "no key": (request({b"Sec-WebSocket-Key": None}), "bad-key"),
    "an empty key": (request({b"Sec-WebSocket-Key": b""}), "bad-key"),
    "a key of 15 bytes": (request({b"Sec-WebSocket-Key": base64.b64encode(NONCE[1:])}), "bad-key"),
    "a key of 17 bytes": (request({b"Sec-WebSocket-Key": base64.b64encode(NONCE + b"x")}), "bad-key"),
    "a key that is not base64": (request({b"Sec-WebSocket-Key": b"!" * 24}), "bad-key"),
    "a key without its padding": (request({b"Sec-WebSocket-Key": KEY.rstrip(b"=")}), "bad-key"),
    "a key with more behind it": (request({b"Sec-WebSocket-Key": KEY + b"AAAA"}), "bad-key"),
    "two keys": (request({b"Sec-WebSocket-Key+": KEY}), "bad-key"),
}


@pytest.mark.parametrize("name", REFUSED_REQUESTS)
def test_a_server_refuses(name):
    asked, rule = REFUSED_REQUESTS[name]
    with pytest.raises(websocket.HandshakeRefused) as refused:
        websocket.accept(asked)
    assert (refused.value.status, refused.value.rule) == (400, rule)
    assert refused.value.section.startswith("RFC 6455, 4")
    assert refused.value.response().status == 400


@pytest.mark.parametrize("version", [b"0", b"7", b"8", b"12", b"14", b"013", b"13, 8", b"thirteen", b"-13"])
def test_another_version_is_answered_with_the_one_spoken_here(version):
    with pytest.raises(websocket.HandshakeRefused) as refused:
        websocket.accept(request({b"Sec-WebSocket-Version": version}))
    answer = refused.value.response()
    assert answer.status == 426
    assert (b"Sec-WebSocket-Version", b"13") in answer.headers
    assert (b"Upgrade", b"websocket") in answer.headers
    http1.FieldLines(answer.headers)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {b"Upgrade": b"WebSocket"},
        {b"Upgrade": b"h2c, websocket"},
        {b"Connection": b"keep-alive, Upgrade"},
        {b"Connection": b"close", b"Connection+": b"UPGRADE"},
        {b"Content-Length": b"0"},
        {b"Origin": b"https://example.com"},
        {b"Sec-WebSocket-Extensions": b"foo, bar; baz=1"},
        {b"Sec-WebSocket-Extensions": b"not; = grammar"},
    ],
)
def test_a_server_accepts(changes):
    accepted = websocket.accept(request(changes), deflate=Deflate())
    assert (accepted.protocol, accepted.deflate) == (None, None)
    assert accepted.response.status == 101
    assert dict(accepted.response.headers)[b"Sec-WebSocket-Accept"] == websocket.accept_value(KEY)


@pytest.mark.parametrize(
    ("offered", "known", "chosen"),
    [
        (b"chat", ["chat"], "chat"),
        (b"a, b, c", ["c", "b"], "b"),
        (b"a,b", [], None),
        (b"A", ["a"], None),
        (b"", ["a"], None),
        (b" a ,, b ", ["b"], "b"),
    ],
)
def test_the_first_of_the_clients_subprotocols_that_is_known_is_chosen(offered, known, chosen):
    accepted = websocket.accept(request({b"Sec-WebSocket-Protocol": offered}), protocols=known)
    assert accepted.protocol == chosen
    said = dict(accepted.response.headers).get(b"Sec-WebSocket-Protocol")
    assert said == (None if chosen is None else chosen.encode())


def test_subprotocols_in_two_fields_are_one_list():
    asked = request({b"Sec-WebSocket-Protocol": b"a", b"Sec-WebSocket-Protocol+": b"b"})
    assert websocket.accept(asked, protocols=["b"]).protocol == "b"


REFUSED_RESPONSES = {
    "200": (response(status=200), "bad-status"),
    "403": (response(status=403), "bad-status"),
    "100": (response(status=100), "bad-status"),
    "no Upgrade": (response({b"Upgrade": None}), "bad-upgrade"),
    "another protocol": (response({b"Upgrade": b"h2c"}), "bad-upgrade"),
    "two protocols": (response({b"Upgrade": b"websocket, h2c"}), "bad-upgrade"),
    "Upgrade twice": (response({b"Upgrade+": b"websocket"}), "bad-upgrade"),
    "no Connection": (response({b"Connection": None}), "bad-connection"),
    "a Connection without upgrade": (response({b"Connection": b"close"}), "bad-connection"),
    "no Accept": (response({b"Sec-WebSocket-Accept": None}), "bad-accept"),
    "the Accept of another key": (
        response({b"Sec-WebSocket-Accept": websocket.accept_value(b"A" * 22 + b"==")}),
        "bad-accept",
    ),
    "an Accept in lower case": (
        response({b"Sec-WebSocket-Accept": RESPONSE[b"Sec-WebSocket-Accept"].lower()}),
        "bad-accept",
    ),
    "the key as Accept": (response({b"Sec-WebSocket-Accept": KEY}), "bad-accept"),
    "Accept twice": (response({b"Sec-WebSocket-Accept+": RESPONSE[b"Sec-WebSocket-Accept"]}), "bad-accept"),
    "a subprotocol not asked for": (response({b"Sec-WebSocket-Protocol": b"soap"}), "bad-protocol"),
    "a subprotocol in another case": (response({b"Sec-WebSocket-Protocol": b"Chat"}), "bad-protocol"),
    "two subprotocols": (
        response({b"Sec-WebSocket-Protocol": b"chat", b"Sec-WebSocket-Protocol+": b"chat"}),
        "bad-protocol",
    ),
    "a list of subprotocols": (response({b"Sec-WebSocket-Protocol": b"chat, superchat"}), "bad-protocol"),
    "an unknown extension": (response({b"Sec-WebSocket-Extensions": b"foo"}), "bad-extension"),
    "the extension twice": (
        response({b"Sec-WebSocket-Extensions": b"permessage-deflate, permessage-deflate"}),
        "bad-extension",
    ),
    "malformed extensions": (response({b"Sec-WebSocket-Extensions": b"permessage-deflate; ="}), "bad-extension"),
}


@pytest.mark.parametrize("name", REFUSED_RESPONSES)
def test_a_client_refuses(name):
    answer, rule = REFUSED_RESPONSES[name]
    with pytest.raises(websocket.HandshakeRefused) as refused:
        websocket.confirm(answer, NONCE, protocols=["chat", "superchat"], deflate=Deflate())
    assert refused.value.rule == rule


def test_a_client_that_offered_no_compression_refuses_it():
    answer = response({b"Sec-WebSocket-Extensions": b"permessage-deflate"})
    with pytest.raises(websocket.HandshakeRefused, match="not offered"):
        websocket.confirm(answer, NONCE)


NO_SERVER = {"server_no_context_takeover": True}
NO_CLIENT = {"client_no_context_takeover": True}
OFFERS = [  # what is offered, what the server wishes for, what it answers (None: no compression)
    (b"permessage-deflate", {}, b"permessage-deflate"),
    (b"permessage-deflate; client_max_window_bits", {}, b"permessage-deflate"),
    (b"permessage-deflate; client_max_window_bits=10", {}, b"permessage-deflate; client_max_window_bits=10"),
    (b'permessage-deflate; client_max_window_bits="10"', {}, b"permessage-deflate; client_max_window_bits=10"),
    (b"permessage-deflate; client_max_window_bits=8", {}, b"permessage-deflate; client_max_window_bits=8"),
    (b"permessage-deflate; server_max_window_bits=10", {}, b"permessage-deflate; server_max_window_bits=10"),
    (b"permessage-deflate; server_max_window_bits=15", {}, b"permessage-deflate; server_max_window_bits=15"),
    (b"permessage-deflate; server_max_window_bits=8", {}, None),
    (b"permessage-deflate; server_max_window_bits", {}, None),
    (b"permessage-deflate; server_max_window_bits=7", {}, None),
    (b"permessage-deflate; server_max_window_bits=16", {}, None),
    (b"permessage-deflate; server_max_window_bits=+9", {}, None),
    (b"permessage-deflate; server_max_window_bits=09", {}, None),
    (b"permessage-deflate; server_max_window_bits=1_0", {}, None),
    (b"permessage-deflate; client_max_window_bits=0", {}, None),
    (b"permessage-deflate; client_max_window_bits=16", {}, None),
    (b"permessage-deflate; server_no_context_takeover", {}, b"permessage-deflate; server_no_context_takeover"),
    (b"permessage-deflate; client_no_context_takeover", {}, b"permessage-deflate; client_no_context_takeover"),
    (b"permessage-deflate; server_no_context_takeover=1", {}, None),
    (b"permessage-deflate; client_no_context_takeover=true", {}, None),
    (b"permessage-deflate; server_no_context_takeover; server_no_context_takeover", {}, None),
    (b"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", {}, None),
    (b"permessage-deflate; client_max_window_bits; client_max_window_bits=9", {}, None),
    (b"permessage-deflate; unknown", {}, None),
    (b"permessage-deflate; unknown=1", {}, None),
    (b"permessage-deflate; Server_No_Context_Takeover", {}, None),
    (b"Permessage-Deflate", {}, None),
    (b"x-webkit-deflate-frame", {}, None),
    (b"foo, permessage-deflate", {}, b"permessage-deflate"),
    (b"permessage-deflate; unknown, permessage-deflate", {}, b"permessage-deflate"),
    (b"permessage-deflate; server_max_window_bits=8, permessage-deflate", {}, b"permessage-deflate"),
    (b"permessage-deflate; server_max_window_bits=9, permessage-deflate", {},
     b"permessage-deflate; server_max_window_bits=9"),
    (b"permessage-deflate;server_max_window_bits = 11 ; client_no_context_takeover", {},
     b"permessage-deflate; client_no_context_takeover; server_max_window_bits=11"),
    (b"permessage-deflate", NO_SERVER, b"permessage-deflate; server_no_context_takeover"),
    (b"permessage-deflate", NO_CLIENT, b"permessage-deflate; client_no_context_takeover"),
    (b"permessage-deflate", {"server_max_window_bits": 12}, b"permessage-deflate; server_max_window_bits=12"),
    (b"permessage-deflate", {"client_max_window_bits": 12}, b"permessage-deflate"),
    (b"permessage-deflate; client_max_window_bits", {"client_max_window_bits": 12},
     b"permessage-deflate; client_max_window_bits=12"),
    (b"permessage-deflate; client_max_window_bits=10", {"client_max_window_bits": 12},
     b"permessage-deflate; client_max_window_bits=10"),
    (b"", {}, None),
    (b",", {}, None),
    (b"permessage-deflate,", {}, b"permessage-deflate"),
    (b"permessage-deflate; ", {}, None),
    (b"permessage-deflate extra", {}, None),
    (b'permessage-deflate; client_max_window_bits="', {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("offered", "wish", "answer"), OFFERS)
def test_an_offer_is_answered(offered, wish, answer):
    accepted = websocket.accept(request({b"Sec-WebSocket-Extensions": offered}), deflate=Deflate(**wish))
    assert dict(accepted.response.headers).get(b"Sec-WebSocket-Extensions") == answer
    assert (accepted.deflate is None) == (answer is None)


def test_without_the_wish_no_offer_is_taken():
    accepted = websocket.accept(request({b"Sec-WebSocket-Extensions": b"permessage-deflate"}))
    assert accepted.deflate is None


AGREEMENTS = [  # what the server answers, what was wished for, what is agreed (None: refused)
    (b"permessage-deflate", {}, {}),
    (b"permessage-deflate; server_max_window_bits=10", {}, {"server_max_window_bits": 10}),
    (b"permessage-deflate; client_max_window_bits=10", {}, {"client_max_window_bits": 10}),
    (b"permessage-deflate; client_max_window_bits=8", {}, {"client_max_window_bits": 8}),
    (b"permessage-deflate; client_max_window_bits", {}, None),
    (b"permessage-deflate; server_no_context_takeover", {}, NO_SERVER),
    (b"permessage-deflate; client_no_context_takeover", {}, NO_CLIENT),
    (b"permessage-deflate", {"server_max_window_bits": 10}, None),
    (b"permessage-deflate; server_max_window_bits=11", {"server_max_window_bits": 10}, None),
    (b"permessage-deflate; server_max_window_bits=10", {"server_max_window_bits": 10}, {"server_max_window_bits": 10}),
    (b"permessage-deflate; server_max_window_bits=9", {"server_max_window_bits": 10}, {"server_max_window_bits": 9}),
    (b"permessage-deflate", NO_SERVER, None),
    (b"permessage-deflate; server_no_context_takeover", NO_SERVER, NO_SERVER),
    (b"permessage-deflate", NO_CLIENT, NO_CLIENT),
    (b"permessage-deflate; server_max_window_bits=16", {}, None),
    (b"permessage-deflate; unknown", {}, None),
    (b"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", {}, None),
]


@pytest.mark.parametrize(("answer", "wish", "agreed"), AGREEMENTS)
def test_an_agreement_is_confirmed(answer, wish, agreed):
    answer = response({b"Sec-WebSocket-Extensions": answer})
    if agreed is None:
        with pytest.raises(websocket.HandshakeRefused) as refused:
            websocket.confirm(answer, NONCE, deflate=Deflate(**wish))
        assert refused.value.rule == "bad-extension"
    else:
        assert websocket.confirm(answer, NONCE, deflate=Deflate(**wish)).deflate == Deflate(**agreed)


WISHES = st.none() | st.builds(
    Deflate,
    server_no_context_takeover=st.booleans(),
    client_no_context_takeover=st.booleans(),
    server_max_window_bits=st.integers(9, 15),
    client_max_window_bits=st.integers(9, 15),
)
PROTOCOLS = st.lists(st.sampled_from(["chat", "superchat", "v1.soap", "x"]), unique=True, max_size=3)


@given(st.binary(min_size=16, max_size=16), PROTOCOLS, PROTOCOLS, WISHES, WISHES)
def test_both_sides_agree_on_the_same(random, asked, known, ours, theirs):
    fields = websocket.request_fields(random, protocols=asked, deflate=ours, origin="https://a.example")
    accepted = websocket.accept(http1.Request(b"GET", b"/", http1.FieldLines(fields)), protocols=known, deflate=theirs)
    agreed = websocket.confirm(accepted.response, random, protocols=asked, deflate=ours)
    assert agreed.protocol == accepted.protocol
    assert agreed.deflate == accepted.deflate
    if ours is not None and theirs is not None:
        assert agreed.deflate is not None
        assert agreed.deflate.server_max_window_bits <= min(ours.server_max_window_bits, theirs.server_max_window_bits)


@given(st.data())
def test_a_damaged_response_is_refused_or_means_the_same(data):
    fields = list(
        websocket.accept(
            request({b"Sec-WebSocket-Extensions": b"permessage-deflate"}), deflate=Deflate()
        ).response.headers
    )
    number = data.draw(st.integers(0, len(fields) - 1))
    name, value = fields[number]
    place = data.draw(st.integers(0, len(value) - 1))
    fields[number] = (name, value[:place] + bytes([data.draw(st.integers(0x21, 0x7E))]) + value[place + 1 :])
    try:
        agreed = websocket.confirm(http1.InformationalResponse(101, fields), NONCE, deflate=Deflate())
    except websocket.HandshakeRefused as refused:
        assert refused.status == 502  # noqa: PT017 - either is right
    else:
        assert agreed.deflate is not None


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"random": b"short"}, "16 random bytes"),
        ({"protocols": ["a", "a"]}, "twice"),
        ({"protocols": ["a b"]}, "not a token"),
        ({"protocols": ["a\r\nX: y"]}, "not a token"),
        ({"protocols": ["größe"]}, "not a token"),
        ({"protocols": [""]}, "not a token"),
    ],
)
def test_a_request_that_cannot_be_is_a_value_error(options, what):
    with pytest.raises(ValueError, match=what):
        websocket.request_fields(**{"random": NONCE, **options})


@pytest.mark.parametrize("bits", [7, 16, 0, -9])
def test_a_window_that_cannot_be_is_a_value_error(bits):
    with pytest.raises(ValueError, match="8 to 15"):
        Deflate(server_max_window_bits=bits)

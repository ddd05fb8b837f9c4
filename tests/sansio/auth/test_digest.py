"""Digest authentication: challenges are read, chosen among and answered."""

import contextlib
import hashlib
import re
import time
from urllib.parse import unquote
from urllib.request import parse_http_list

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.auth.digest import (
    ChallengeError,
    DigestChallenge,
    DigestSession,
    Origin,
    covers,
    next_nonce,
    protection_space,
    strongest_challenge,
)
from drywire_sansio.errors import LocalProtocolError

ORIGIN = Origin("https", "example.com", 443)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in [*range(32), 127]]))
FUNCTIONS = {"MD5": "md5", "SHA": "sha1", "SHA-256": "sha256", "SHA-512": "sha512", "SHA256": "sha256"}


def digest(name, *parts):
    return hashlib.new(name, ":".join(parts).encode()).hexdigest()


def fields_of(authorization):
    """Return the parameters of an Authorization value in their quotes; by the standard library: it undoes escapes."""
    scheme, _, rest = authorization.partition(" ")
    assert scheme == "Digest"
    return dict(part.split("=", 1) for part in parse_http_list(rest))


def unquoted(value):
    assert value[0] == value[-1] == '"'
    return value[1:-1]


def quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def answer(challenge, user="user", password="secret", method="GET", uri="/", body=None, cnonce="abc"):
    parsed = strongest_challenge([challenge])
    return fields_of(DigestSession(parsed, user, password, cnonce).authorization(method, uri, body))


# The examples of the RFCs

RFC_7616 = """Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={},
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"""".replace("\n", "")
RFC_7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616_3_9_1(algorithm, response):
    fields = answer(
        RFC_7616.format(algorithm), "Mufasa", "Circle of Life", uri="/dir/index.html", cnonce=RFC_7616_CNONCE
    )
    assert fields == {
        "username": '"Mufasa"',
        "realm": '"http-auth@example.org"',
        "uri": '"/dir/index.html"',
        "algorithm": algorithm,
        "nonce": '"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"',
        "nc": "00000001",
        "cnonce": f'"{RFC_7616_CNONCE}"',
        "qop": "auth",
        "response": f'"{response}"',
        "opaque": '"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    }


def test_of_the_two_challenges_of_rfc_7616_3_9_1_the_stronger_is_answered():
    both = [RFC_7616.format("MD5"), RFC_7616.format("SHA-256")]
    for values in (both, both[::-1], [", ".join(both)]):
        assert strongest_challenge(values).algorithm == "SHA-256"


RFC_7616_UTF8 = (
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
    'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", '
    "charset=UTF-8, userhash={}"
)


@pytest.mark.skipif("sha512_256" not in hashlib.algorithms_available, reason="this OpenSSL has no SHA-512/256")
@pytest.mark.parametrize(
    ("userhash", "name", "value"),
    [
        ("true", "username", '"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"'),
        ("false", "username*", "UTF-8''J%C3%A4s%C3%B8n%20Doe"),
    ],
)
def test_the_example_of_rfc_7616_3_9_2_with_its_erratum_4897(userhash, name, value):
    fields = answer(
        RFC_7616_UTF8.format(userhash),
        "J\u00e4s\u00f8n Doe",
        "Secret, or not?",
        uri="/doe.json",
        cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    )
    assert fields[name] == value
    assert fields["response"] == '"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"'
    assert fields.get("userhash", "false") == userhash
    assert ("username" in fields) != ("username*" in fields)


RFC_2617 = 'Digest realm="testrealm@host.com", {}nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9"'


@pytest.mark.parametrize(
    ("qop", "response", "counted"),
    [
        ('qop="auth,auth-int", ', "6629fae49393a05397450978507c4ef1", True),
        ("", "670fd8c2df070c60b045671b8b24ff02", False),  # as RFC 2069 has it
    ],
)
def test_the_example_of_rfc_2617_with_qop_and_without(qop, response, counted):
    fields = answer(RFC_2617.format(qop), "Mufasa", "Circle Of Life", uri="/dir/index.html", cnonce="0a4f113b")
    assert fields["response"] == f'"{response}"'
    assert ("nc" in fields) is ("cnonce" in fields) is ("qop" in fields) is counted
    assert "algorithm" not in fields  # the server has not said one
    assert fields["opaque"] == '"5ccc069c403ebaf9"'


# Algorithms and quality of protection


@pytest.mark.parametrize("sess", ["", "-sess"])
@pytest.mark.parametrize("qop", ["", "auth", "auth-int"])
@pytest.mark.parametrize("algorithm", FUNCTIONS)
def test_each_algorithm_with_each_qop(algorithm, sess, qop):
    challenge = f'Digest realm="r", nonce="n", algorithm={algorithm}{sess}' + (f', qop="{qop}"' if qop else "")
    fields = answer(challenge, method="POST", uri="/a?b=c", body=b"content", cnonce="cn")
    name = FUNCTIONS[algorithm]
    a1 = digest(name, "user", "r", "secret")
    if sess:
        a1 = digest(name, a1, "n", "cn")
        assert fields["cnonce"] == '"cn"'  # without it the server could not compute the session key
    a2 = digest(name, "POST", "/a?b=c", *([digest(name, "content")] if qop == "auth-int" else []))
    middle = ("n", "00000001", "cn", qop) if qop else ("n",)
    assert fields["response"] == f'"{digest(name, a1, *middle, a2)}"'
    assert fields["algorithm"] == algorithm + sess
    assert fields.get("qop", "") == qop


def test_strength_goes_before_order_and_order_before_a_session_key():
    def chosen(*algorithms):
        return strongest_challenge([f'Digest realm="r", nonce="n", algorithm={name}' for name in algorithms]).algorithm

    assert chosen("MD5", "SHA", "SHA-256", "SHA-512") == "SHA-512"
    assert chosen("SHA", "MD5") == "SHA"
    assert chosen("SHA-256-sess", "SHA-256") == "SHA-256-sess"
    assert chosen("SHA-256", "SHA-256-sess") == "SHA-256"
    assert chosen("SHA3-9000", "md5-SESS") == "md5-SESS"


def test_the_body_decides_between_auth_and_auth_int():
    challenge = 'Digest realm="r", nonce="n", qop="auth-int, auth"'
    assert answer(challenge)["qop"] == "auth"
    assert answer(challenge, body=b"")["qop"] == "auth-int"
    assert answer('Digest realm="r", nonce="n", qop=auth', body=b"x")["qop"] == "auth"


def test_auth_int_alone_needs_the_body():
    with pytest.raises(LocalProtocolError, match="auth-int"):
        answer('Digest realm="r", nonce="n", qop="auth-int"')


# Reading challenges

PLAIN = DigestChallenge(realm="r", nonce="n")


@pytest.mark.parametrize(
    "value",
    [
        'Digest realm="r", nonce="n"',
        'digest REALM="r",NONCE="n"',
        'DIGEST  realm = "r"\t,\tnonce =n',
        'Digest , ,realm="r",,nonce="n", ,',
        r'Digest realm="\r", nonce="\n"',
        'Digest realm=r, nonce="n", unknown="a, Digest realm=\\"evil\\", nonce=\\"evil\\""',
        'Basic realm="x", Digest realm="r", nonce="n"',
        'Negotiate, NTLM TlRMTVNTUAAC==, Digest realm="r", nonce="n", Basic realm="later", charset="UTF-8"',
        'Bearer realm="x", error="a \\"quoted\\" word, Digest realm=y", Digest realm="r", nonce="n"',
        'Digest realm="r", nonce="n", Basic realm="unfinished',
        'Digest realm="r", nonce="n", stale=FALSE, qop="", userhash=false, charset="latin-1"',
        'Digest realm="", Digest realm="r", nonce="n"',
    ],
)
def test_a_challenge_is_found_however_it_is_written(value):
    assert strongest_challenge([value]) == PLAIN


def test_all_parameters_are_read():
    value = (
        r'Digest realm="a \"b\" \\c", nonce="n==", domain="/a http://b/", opaque="", stale=TRUE, algorithm=sha-256, '
        'qop="AUTH-INT ,x-new,auth", charset=utf-8, userhash="True"'
    )
    assert strongest_challenge(["Basic", value]) == DigestChallenge(
        realm='a "b" \\c',
        nonce="n==",
        domain="/a http://b/",
        opaque="",
        stale=True,
        algorithm="sha-256",
        qop=("auth", "auth-int"),
        utf8=True,
        userhash=True,
    )


def test_values_that_lack_their_quotes_are_read_up_to_the_comma():
    parsed = strongest_challenge(["Digest realm=a/b:c@d, nonce=YWJj+/==, qop=auth"])
    assert (parsed.realm, parsed.nonce, parsed.qop) == ("a/b:c@d", "YWJj+/==", ("auth",))


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        [" , "],
        ["Basic realm=x"],
        ["Digestive realm=x, nonce=y"],
        ["Negotiate Digest"],
        ["Digest-realm=x"],
        ['Basic realm="unfinished, Digest realm=r, nonce=n'],
        ['realm="no scheme", nonce="n"'],
    ],
)
def test_where_no_digest_is_asked_for_there_is_no_challenge(values):
    assert strongest_challenge(values) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Digest", "no realm"),
        ("Digest ", "no realm"),
        ("Digest abc==", "malformed"),
        ('Digest nonce="n"', "no realm"),
        ('Digest realm="r"', "no nonce"),
        ('Digest realm="r", nonce=""', "nonce is empty"),
        ('Digest realm="r", nonce="n', "malformed"),
        ('Digest realm="r" nonce="n"', "malformed"),
        ('Digest realm="r"x, nonce="n"', "malformed"),
        ('Digest realm="r", nonce="n", =x', "malformed"),
        ('Digest realm="r", nonce="n", opaque=a"b', "malformed"),
        ('Digest realm="r", nonce="n", opaque=', "malformed"),
        ('Digest realm="r", nonce="n\r\nX: y"', "malformed"),
        ('Digest realm="r", nonce="n\\\n"', "malformed"),
        ('Digest realm="r\0", nonce="n"', "malformed"),
        ('Digest realm="r", nonce="n", Realm="other"', "repeated"),
        ('Digest realm="r", nonce="n", qop="auth-conf"', "'auth-conf' is not supported"),
        ('Digest realm="r", nonce="n", algorithm=MD4', "'MD4' is not supported"),
        ('Digest realm="r", nonce="n", algorithm=""', "'' is not supported"),
        ('Digest realm="r", nonce="n", algorithm="MD5, x=y"', "not supported"),
        ('Digest realm="r", nonce="n", algorithm="\u017fha"', "not supported"),  # a long s, in Unicode's upper case S
        ('Digest realm="r", nonce="n", qop="\u212aauth"', "not supported"),
        ('Digest realm="r", nonce="n", qop="\u00a0auth"', "not supported"),
        ('Digest realm="r", nonce="n\u00a0", x\u00e9=y', "malformed"),
        (f'Digest realm="r", nonce="{"n" * 4097}"', "too long"),
        ('Digest realm="r", nonce="n", ' + ", ".join(f"x{number}=y" for number in range(31)), "malformed"),
    ],
)
def test_a_digest_challenge_that_cannot_be_answered_is_an_error(value, message):
    with pytest.raises(ChallengeError, match=message):
        strongest_challenge([value])
    assert strongest_challenge([value, 'Digest realm="r", nonce="n"']) == PLAIN  # unless there is another


def test_a_value_may_be_of_4096_characters():
    assert strongest_challenge([f'Digest realm="r", nonce="{"n" * 4096}"']).nonce == "n" * 4096


def test_messages_quote_no_more_of_a_challenge_than_a_slice():
    with pytest.raises(ChallengeError) as caught:
        strongest_challenge([f'Digest realm="r", nonce="n", algorithm={"x" * 4000}'])
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "piece",
    [
        "Digest ", "Digest realm=x, ", 'Digest realm="', 'Digest realm="r", nonce="n", ',
        "a", "a=b,", "a ", "a==", "a=", ",", " ", "\t", '"', "\\", '\\"',
    ],
)  # fmt: skip
def test_reading_takes_linear_time(piece):
    def seconds(size):
        value = piece * (size // len(piece))
        began = time.perf_counter()
        for text in (value, "Digest " + value, 'Digest x="' + value, "Digest x=" + value):
            with contextlib.suppress(ChallengeError):
                strongest_challenge([text])
            next_nonce([text])
        return time.perf_counter() - began

    seconds(10_000)
    small = min(seconds(20_000) for _ in range(3))
    large = min(seconds(320_000) for _ in range(3))
    assert large < 16 * 6 * small + 0.01  # squared it would be 256 times


@given(st.lists(st.text(st.sampled_from(' ,="\\\tDigestrealmnonce=abc'), max_size=60), max_size=4))
def test_whatever_comes_is_read_or_refused(values):
    for made in (values, [f"Digest {value}" for value in values], [f'Digest realm="r", {value}' for value in values]):
        try:
            challenge = strongest_challenge(made)
        except ChallengeError:
            continue
        assert challenge is None or challenge.nonce
    next_nonce(values)


@given(TEXT, TEXT.filter(bool), TEXT, st.sampled_from(["", "Basic realm=x, ", "NTLM, "]))
def test_quoted_values_come_back_as_they_were(realm, nonce, opaque, before):
    value = f"{before}Digest realm={quoted(realm)}, nonce={quoted(nonce)}, opaque={quoted(opaque)}, Bearer x=y"
    challenge = strongest_challenge([value])
    assert (challenge.realm, challenge.nonce, challenge.opaque) == (realm, nonce, opaque)
    again = strongest_challenge([DigestSession(challenge, "u", "p", "c").authorization("GET", "/")])
    assert again == DigestChallenge(realm=realm, nonce=nonce, opaque=opaque)


# Answering


def test_what_is_quoted_and_what_is_not():
    challenge = 'Digest realm="r", nonce="n", qop=auth, algorithm="MD5", opaque=o, userhash=true'
    fields = answer(challenge)
    bare = {name for name, value in fields.items() if not value.startswith('"')}
    assert bare == {"qop", "nc", "algorithm", "userhash"}


@given(TEXT.filter(lambda text: ":" not in text), TEXT, TEXT)
def test_quotes_and_backslashes_in_user_and_realm_come_through(user, password, realm):
    challenge = DigestChallenge(realm=realm, nonce="n")
    value = DigestSession(challenge, user, password, "c").authorization("GET", "/")
    match = re.fullmatch(
        r'Digest username=("(?:[^"\\]|\\.)*"), realm=("(?:[^"\\]|\\.)*"), nonce="n", uri="/", response="(\w{32})"',
        value,
    )
    assert match[1] == quoted(user)
    assert match[2] == quoted(realm)
    assert match[3] == digest("md5", digest("md5", user, realm, password), "n", digest("md5", "GET", "/"))


def test_a_name_beyond_ascii_goes_as_it_is_to_a_server_that_says_nothing_of_utf_8():
    assert answer('Digest realm="r", nonce="n"', "J\u00e4s\u00f8n")["username"] == '"J\u00e4s\u00f8n"'
    fields = answer('Digest realm="r", nonce="n", charset="utf-8"', "J\u00e4 %'*(\u20ac")
    assert fields["username*"].startswith("UTF-8''")
    assert unquote(fields["username*"][7:]) == "J\u00e4 %'*(\u20ac"
    assert re.fullmatch(r"UTF-8''([!#$&+\-.^_`|~0-9A-Za-z]|%[0-9A-F]{2})*", fields["username*"])


def test_bytes_that_are_no_utf_8_are_digested_as_they_came():
    realm = b"caf\xe9".decode("utf-8", "surrogateescape")
    fields = answer(f'Digest realm="{realm}", nonce="n"')
    assert unquoted(fields["realm"]) == realm
    a1 = hashlib.md5(b"user:caf\xe9:secret").hexdigest()
    assert unquoted(fields["response"]) == digest("md5", a1, "n", digest("md5", "GET", "/"))


@pytest.mark.parametrize("user", ["a:b", ":", "a\r\nb", "\0", "\x7f"])
def test_a_user_name_that_cannot_be_said_is_refused(user):
    with pytest.raises(ValueError, match="user name"):
        DigestSession(PLAIN, user, "", "c")


@pytest.mark.parametrize(
    ("challenge", "uri", "cnonce"),
    [
        (PLAIN, "/\r\nX: y", "c"),
        (DigestChallenge(realm="r\n", nonce="n"), "/", "c"),
        (DigestChallenge(realm="r", nonce="n\0"), "/", "c"),
        (DigestChallenge(realm="r", nonce="n", opaque="\r"), "/", "c"),
        (DigestChallenge(realm="r", nonce="n", qop=("auth",)), "/", "c\n"),
    ],
)
def test_no_field_can_be_smuggled_into_an_answer(challenge, uri, cnonce):
    with pytest.raises(LocalProtocolError, match="control character"):
        DigestSession(challenge, "u", "p", cnonce).authorization("GET", uri)


def test_each_answer_has_a_count_of_its_own():
    session = DigestSession(strongest_challenge(['Digest realm="r", nonce="n", qop=auth']), "u", "p", "c")
    answers = [fields_of(session.authorization("GET", "/")) for _ in range(17)]
    assert [fields["nc"] for fields in answers] == [f"{number:08x}" for number in range(1, 18)]
    assert len({fields["response"] for fields in answers}) == 17
    assert {fields["cnonce"] for fields in answers} == {'"c"'}


def test_a_count_of_eight_digits_ends():
    session = DigestSession(DigestChallenge(realm="r", nonce="n", qop=("auth",)), "u", "p", "c")
    session._uses = 0xFFFFFFFE
    assert fields_of(session.authorization("GET", "/"))["nc"] == "ffffffff"
    assert session.exhausted
    with pytest.raises(LocalProtocolError, match="more often"):
        session.authorization("GET", "/")
    session.renew("m")
    assert not session.exhausted


def test_a_renewed_nonce_is_counted_anew_and_the_same_one_is_not():
    session = DigestSession(DigestChallenge(realm="r", nonce="n", qop=("auth",)), "u", "p", "c")
    counts = []
    for nonce in ("n", "m", "m", "n"):
        session.renew(nonce)
        fields = fields_of(session.authorization("GET", "/"))
        counts.append((fields["nonce"], fields["nc"]))
    assert counts == [('"n"', "00000001"), ('"m"', "00000001"), ('"m"', "00000002"), ('"n"', "00000001")]


def test_a_session_key_is_of_the_first_nonce():
    session = DigestSession(DigestChallenge(realm="r", nonce="n", algorithm="MD5-sess", qop=("auth",)), "u", "p", "c")
    session.renew("m")
    fields = fields_of(session.authorization("GET", "/"))
    a1 = digest("md5", digest("md5", "u", "r", "p"), "n", "c")
    assert unquoted(fields["response"]) == digest("md5", a1, "m", "00000001", "c", "auth", digest("md5", "GET", "/"))


def test_a_challenge_that_comes_again_goes_on_being_counted():
    challenge = DigestChallenge(realm="r", nonce="n", qop=("auth",))
    session = DigestSession(challenge, "u", "p", "c")
    assert session.goes_on_with(challenge)
    assert session.goes_on_with(DigestChallenge(realm="r", nonce="n", qop=("auth",), stale=True))
    assert not session.goes_on_with(DigestChallenge(realm="r", nonce="m", qop=("auth",)))
    assert not session.goes_on_with(DigestChallenge(realm="s", nonce="n", qop=("auth",)))
    assert not session.goes_on_with(DigestChallenge(realm="r", nonce="n"))
    session.renew("m")
    assert session.goes_on_with(DigestChallenge(realm="r", nonce="m", qop=("auth",)))
    assert not session.goes_on_with(challenge)


def test_a_session_key_does_not_outlive_its_challenge():
    def challenge(nonce):
        return DigestChallenge(realm="r", nonce=nonce, algorithm="MD5-sess")

    session = DigestSession(challenge("n"), "u", "p", "c")
    assert session.goes_on_with(challenge("n"))
    session.renew("m")
    assert not session.goes_on_with(challenge("m"))
    assert not session.goes_on_with(challenge("n"))


# Authentication-Info


@pytest.mark.parametrize(
    ("values", "nonce"),
    [
        ([], None),
        (['nextnonce="abc"'], "abc"),
        (['rspauth="0", qop=auth, nc=00000001, NextNonce = "a\\"b,=" , cnonce="x"'], 'a"b,='),
        (["qop=auth", "nextnonce=abc=="], "abc=="),
        (['nextnonce=""'], None),
        (['nextnonce="abc'], None),
        (['nextnonce="a", nextnonce="b"'], None),
        (['nextnonce="a"', 'nextnonce="b"'], None),
        (['nextnonce="a\r\nb"'], None),
        (['Digest nextnonce="a"'], None),
        ([f"nextnonce={'x' * 4097}"], None),
    ],
)
def test_the_next_nonce(values, nonce):
    assert next_nonce(values) == nonce


# Protection space


@pytest.mark.parametrize("domain", [None, "", "  "])
def test_digest_domain_that_is_missing_is_the_whole_origin(domain):
    assert protection_space(domain, ORIGIN) == ("/",)
    assert covers(("/",), "/any/path")


@pytest.mark.parametrize(
    ("domain", "space"),
    [
        ("/a", ("/a",)),
        ("/a /b/  /c", ("/a", "/b/", "/c")),
        ("https://example.com", ("/",)),
        ("https://example.com/", ("/",)),
        ("HTTPS://EXAMPLE.com:443/a%2fb", ("/a%2Fb",)),
        ("https://example.com:0443/a", ("/a",)),
    ],
)
def test_digest_domain_names_paths_of_the_origin(domain, space):
    assert protection_space(domain, ORIGIN) == space


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/",  # a downgrade
        "https://example.com:8443/",
        "https://example.com.evil.test/",
        "https://evil.test/https://example.com/",
        "https://example.com@evil.test/",
        "https://user@example.com/",
        "https://example.com:443@evil.test/",
        "https://evil.test#example.com/",
        "https://example.com?/x",
        "https://example.com\\@evil.test/",
        "https://[::1]/",
        "https://example.com:99999999999/",
        "https://example.com:\u0664\u0664\u0663/",
        "https://example.com:/a:b@c:d",
        "https:///path",
        "https:/path",
        "//example.com/",
        "//evil.test/",
        "///a",
        "/\\evil.test",
        "/a?b=c",
        "/a#b",
        "/a%zz",
        "/caf\u00e9",
        "\u017f://example.com/",
        "a/b",
        "*",
        '"/a"',
        "/a\t/b",
        "javascript:/x",
    ],
)
def test_digest_domain_is_parsed_strictly(uri):
    assert protection_space(uri, ORIGIN) == ()
    assert protection_space(f"/good {uri} /well", ORIGIN) == ("/good", "/well")
    assert not covers(protection_space(uri, ORIGIN), "/")


def test_digest_domain_knows_ports_and_literal_addresses():
    assert protection_space("http://[::1]:8080/a", Origin("http", "[::1]", 8080)) == ("/a",)
    assert protection_space("http://h/a", Origin("http", "h", 80)) == ("/a",)
    assert protection_space("http://h/a", Origin("http", "h", 8080)) == ()


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("/doc", True),
        ("/doc/", True),
        ("/doc/a/b", True),
        ("/docs", False),
        ("/doc.html", False),
        ("/Doc", False),
        ("/", False),
        ("/dir/", True),
        ("/dir/x", True),
        ("/dir", False),
        ("/x/doc", False),
    ],
)
def test_digest_domain_covers_whole_segments(path, covered):
    assert covers(("/doc", "/dir/"), path) is covered

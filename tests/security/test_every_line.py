"""What must never happen, number by number: the test that keeps it from happening, or why it cannot.

The numbers are those of advisories (the last digits of a CVE), of threads, and of http-garden's list of bugs. Where a
file stands, one of its tests has the number in its name, its docstring or a comment; where a test stands, it is that.
A line that is new goes in here first: it fails until its test is there. Of pitfalls and features the threads that
taught them stand with their tests, and here only the number of the pitfall.
"""

import ast
import re
from functools import cache

import pytest

from ..tree import ROOT

TESTS = ROOT / "tests"

FRAMING = {
    "CL beside TE; TE not one final chunked; TE in 1.0": {
        "47641": "security/test_framing_inbound.py",
        "1135": "security/test_framing_inbound.py",
        "6827": "security/test_framing_inbound.py",
        "32213": "security/test_framing_inbound.py",
        "32215": "security/test_framing_inbound.py",
        "garden 11, 21": (
            "security/test_framing_inbound.py::test_47641_a_transfer_encoding_that_is_not_one_final_chunked"
        ),
        "garden 44": "security/test_framing_inbound.py",
    },
    "Content-Length of ASCII digits, said once": {
        "47627": "security/test_framing_inbound.py",
        "181": "security/test_framing_inbound.py",
        "garden 10, 16, 23, 29, 32, 33, 42": (
            "security/test_framing_inbound.py::test_47627_a_content_length_that_is_not_only_ascii_digits"
        ),
    },
    "chunk sizes, ends and extensions": {
        "43859": "security/test_framing_inbound.py",
        "52304": "security/test_framing_inbound.py",
        "garden 1": "security/test_framing_inbound.py",
        "garden 31": "security/test_framing_inbound.py",
        "counted over all": ("security/test_framing_inbound.py::test_chunk_extensions_are_counted_over_the_whole_body"),
    },
    "trailers": {"53643": "security/test_framing_inbound.py", "22815": "security/test_framing_inbound.py"},
    "only CRLF, no folding, refused at once": {
        "22959": "security/test_framing_inbound.py",
        "32214": "security/test_framing_inbound.py",
        "13136": "security/test_framing_inbound.py",
        "garden 3, 4, 13, 18, 30": (
            "security/test_framing_inbound.py::"
            "test_llhttp_22959_32214_aiohttp_13136_line_ends_folds_and_spaces_are_refused_at_once_even_if_split"
        ),
    },
    "names and values of fields, in requests and responses": {
        "37276": "security/test_framing_inbound.py",
        "34520": "security/test_framing_inbound.py",
        "garden 2": "security/test_framing_inbound.py",
        "garden 8": "security/test_framing_inbound.py",
        "garden 41": "security/test_framing_inbound.py",
        "garden 12, 14, 20": (
            "security/test_framing_inbound.py::test_garden_41_46_bytes_above_ascii_are_not_white_space"
        ),
    },
    "one Host, single fields, version, target": {
        "34525": "security/test_framing_inbound.py",
        "garden 5": "security/test_framing_inbound.py",
        "threat 1.5": "security/test_framing_inbound.py",
    },
    "nothing is read after an error": {"garden 47": "security/test_framing_inbound.py"},
    "bodies of refused upgrades": {
        "69243": "security/test_websocket_upgrade.py",
        "13356": "security/test_websocket_upgrade.py",
        "13501": "security/test_websocket_upgrade.py",
    },
    "early final responses": {
        "http1mustdie": "security/test_framing_inbound.py",
        "pitfall 16": "security/test_server_responses.py",
    },
    "a pipeline is bounded and paused": {"54273": "security/test_server_limits.py"},
}

OUTBOUND = {
    "nothing that a program says becomes another line": {
        "49081": "security/test_client_outbound.py",
        "49082": "security/test_client_outbound.py",
        "34519": "security/test_outbound.py",
        "34514": "security/test_client_outbound.py",
        "50269": "security/test_outbound.py",
        "12689": "security/test_client_outbound.py",
        "7695": "security/test_outbound.py",
    },
    "what is sent is framed in one way": {
        "threat 2.4": "security/test_server_limits.py",
        "threat 2.5": "security/test_client_outbound.py",
        "threat 2.6": "security/test_server_limits.py",
    },
}

RESOURCES = {
    "heads, trailers, chunks, slow ones": {
        "22815": "security/test_framing_inbound.py",
        "54277": "security/test_parser_pitfalls.py",
        "69229": "security/test_server_limits.py",
        "interim responses": "security/test_framing_inbound.py::test_a_flood_of_interim_responses_ends",
        "slow requests": "server/test_hostile_clients.py::test_an_offender_gets_its_answer_and_is_cut_at_its_deadline",
    },
    "forms": {
        "69227": "transports/test_multipart_reader.py",
        "69228": "security/test_server_forms.py",
        "34516": "security/test_server_forms.py",
        "34517": "security/test_server_forms.py",
        "30251": "security/test_server_forms.py",
        "30798": "security/test_server_forms.py",
        "47874": "security/test_server_forms.py",
        "54283": "security/test_server_forms.py",
        "25577": "security/test_server_forms.py",
        "46136": "security/test_server_forms.py",
        "threat 4.3, nesting": "transports/test_multipart_reader.py::test_nesting_is_bounded",
        "under -O": "transports/test_multipart_reader.py::test_a_truncated_form_under_dash_O",
    },
    "what is decoded": {
        "69223": "security/test_client_limits.py",
        "54278": "security/test_client_limits.py",
        "13362": "security/test_client_limits.py",
        "21441": "security/test_client_limits.py",
        "44432": "security/test_client_limits.py",
        "66418": "security/test_client_limits.py",
        "on the server": "security/test_server_limits.py::test_69223_a_bomb_is_refused_by_its_size_or_by_its_ratio",
    },
    "WebSocket": {
        "54274": "security/test_websocket_bombs.py",
        "59881": "security/test_websocket_bombs.py",
        "13350": "security/test_websocket_bombs.py",
        "13352": "security/test_websocket_bombs.py",
        "13415": "security/test_websocket_bombs.py",
        "12976": "security/test_websocket_bombs.py",
        "1000518": "security/test_websocket_bombs.py",
        "control frames": "security/test_websocket_bombs.py::test_a_control_frame_has_at_most_125_bytes",
        "UTF-8": "sansio/websocket/test_cases.py::test_frames_mean",
    },
    "caches, jars, loggers": {
        "34513": "security/test_dns_names.py",
        "52303": "security/test_routing_pitfalls.py",
        "3.12.3": "security/test_client_credentials.py",
        "72": "security/test_what_is_bounded.py",
        "jars": "client/test_cookie_jar.py::test_the_jar_is_bounded_by_domain_in_all_and_in_one_field",
    },
    "fields in linear time": {
        "69225": "security/test_server_request_fields.py",
        "62727": "security/test_server_request_fields.py",
        "67725": "security/test_server_request_fields.py",
        "67726": "security/test_server_limits.py",
        "5236": "security/test_framing_inbound.py",
    },
    "logs": {
        "69230": "security/test_server_operations.py",
        "47287": "security/test_server_operations.py",
        "7694": "security/test_server_operations.py",
    },
}

SERVER = {
    "static files": {
        "23334": "security/test_static_files.py",
        "42367": "security/test_static_files.py",
        "69226": "security/test_static_files.py",
        "34515": "security/test_static_files.py",
        "27306": "security/test_static_files.py",
        "66221": "security/test_static_files.py",
        "21860": "security/test_static_files.py",
        "27199": "security/test_static_files.py",
        "29159": "security/test_static_files.py",
        "48818": "security/test_static_files.py",
    },
    "URL, Host and path": {
        "48710": "security/test_server_responses.py",
        "54282": "security/test_asgi_contracts.py",
    },
    "redirects, methods": {
        "21330": "security/test_routing_pitfalls.py",
        "28724": "security/test_routing_pitfalls.py",
        "48817": "security/test_routing_pitfalls.py",
    },
    "bodies are closed": {"54280": "security/test_server_responses.py"},
}

CLIENT = {
    "redirects and logins": {
        "34518": "security/test_client_redirects.py",
        "47265": "security/test_client_redirects.py",
        "54276": "security/test_client_redirects.py",
        "13180": "security/test_client_redirects.py",
        "44431": "security/test_client_credentials.py",
        "32681": "security/test_client_credentials.py",
        "18074": "security/test_client_redirects.py",
    },
    "keys of connections, credentials of origins": {
        "54275": "security/test_pool_pitfalls.py",
        "13054": "security/test_client_credentials.py",
        "12984": "security/test_client_credentials.py",
    },
    "addresses": {"12827": "security/test_address_policy.py"},
    "cookies": {
        "34993": "client/test_cookie_jar.py",
        "54279": "client/test_cookie_jar.py",
        "13653": "security/test_client_credentials.py",
        "23934": "sansio/cookies/test_parsing.py",
        "__Host-": "sansio/cookies/test_accepting.py::test_the_host_and_secure_prefix_rules_hold",
        "control bytes": "client/test_cookie_jar.py::test_control_bytes_and_nameless_cookies_are_skipped_not_raised",
        "IP hosts": "client/test_cookie_jar.py::test_ip_hosts_have_cookies_only_in_an_unsafe_jar",
    },
    "errors": {
        "69244": "security/test_client_limits.py",
        "the server's": "security/test_server_limits.py::test_69244_a_refusal_quotes_little_of_what_it_refuses",
    },
}

PITFALLS = {
    "the pool": {
        "pitfall 1": "security/test_pool_pitfalls.py",
        "pitfall 2": "security/test_pool_pitfalls.py",
        "pitfall 3": "security/test_pool_pitfalls.py",
        "pitfall 4": "security/test_pool_pitfalls.py",
        "pitfall 5": "security/test_pool_pitfalls.py",
        "pitfall 6": "security/test_client_limits.py",
        "pitfall 7": "security/test_client_limits.py",
        "pitfall 8": "security/test_pool_pitfalls.py",
    },
    "parsers and bodies": {
        "pitfall 9": "security/test_parser_pitfalls.py",
        "pitfall 10": "security/test_parser_pitfalls.py",
        "23829": "security/test_parser_pitfalls.py",
        "13246": "security/test_parser_pitfalls.py",
        "13171": "security/test_parser_pitfalls.py",
        "pitfall 11": "security/test_parser_pitfalls.py",
        "69224": "security/test_parser_pitfalls.py",
        "pitfall 12": "security/test_parser_pitfalls.py",
        "pitfall 13": "security/test_client_limits.py",
        "pitfall 14": "security/test_parser_pitfalls.py",
    },
    "conversations": {
        "pitfall 15": "security/test_client_redirects.py",
        "pitfall 16": "security/test_client_limits.py",
        "b 17": "security/test_server_operations.py",
        "b 18": "security/test_server_operations.py",
    },
    "pitfall 19, WebSockets": {
        "12988": "security/test_websocket_bombs.py",
        "13274": "security/test_websocket_bombs.py",
        "12976": "security/test_websocket_bombs.py",
        "12895": "security/test_websocket_bombs.py",
        "1555": "security/test_websocket_upgrade.py",
        "threat model, 3.1": "security/test_websocket_bombs.py",
        "heartbeat": "together/test_websocket_semantics.py::test_a_heartbeat_bears_with_a_large_message_under_way",
    },
    "blocking": {"pitfall 20": "security/test_server_responses.py", "b 20": "security/test_dns_names.py"},
}

FEATURES = {
    "what people switch for": {
        "1, each loop": "together/test_client_with_server.py::test_json_goes_there_and_back",
        "2, cancelled anywhere": (
            "client/test_cancellation_sweep.py::test_a_scenario_cancelled_at_each_checkpoint_leaves_nothing"
        ),
        "2, by a model": "client/test_pool_model.py::test_the_pool_does_what_the_model_does",
        "a 3": "security/test_client_contracts.py",
        "a 4": "security/test_client_contracts.py",
        "5, one verdict": (
            "sansio/http1/test_properties.py::"
            "test_a_server_gives_the_same_verdict_on_the_same_bytes_however_they_are_split"
        ),
        "a 6": "security/test_server_operations.py",
        "feature 7": "security/test_tls_peers.py",
        "a 8": "security/test_client_outbound.py",
        "a 9": "security/test_client_limits.py",
        "10, named quirks": (
            "sansio/http1/test_quirks.py::test_a_quirk_is_refused_unless_named_and_put_right_if_named"
        ),
        "10, a server is strict": "sansio/http1/test_quirks.py::test_a_server_tolerates_nothing",
        "11, pings": "together/test_websocket_semantics.py::test_pings_are_answered_while_nobody_receives",
        "11, close": "together/test_websocket_semantics.py::test_a_stuck_send_does_not_keep_close_from_ending",
        "a 12": "security/test_client_contracts.py",
        "a 13": "security/test_client_contracts.py",
        "14, happy eyeballs": (
            "client/test_connecting.py::test_a_dead_first_address_costs_no_more_than_the_happy_eyeballs_delay"
        ),
        "14, every hop is judged": "security/test_address_policy.py::test_every_way_to_open_a_connection_is_judged",
        "a 15": "security/test_asgi_contracts.py",
    },
}

DO_NOT_APPLY = {
    "33880": (
        "websockets compared the password of Basic authentication by ==. No module of our server compares a secret, or "
        "reads a field that holds one: checking logins is the application's, see "
        "security/test_what_is_bounded.py::test_websockets_33880_no_module_of_the_server_takes_a_secret_apart"
    ),
}
"""Number and reason; a reason may name a test that holds as long as it is true."""

SECTIONS = {
    "framing": FRAMING,
    "outbound": OUTBOUND,
    "resources": RESOURCES,
    "server": SERVER,
    "client": CLIENT,
    "pitfalls": PITFALLS,
    "features": FEATURES,
}
LINES = [
    pytest.param(number, where, id=f"{section}: {line}: {number}")
    for section, lines in SECTIONS.items()
    for line, numbers in lines.items()
    for number, where in numbers.items()
]


@cache
def written(file):
    """Return the tests of a file by name: of each its name, docstring and comments."""
    text = (TESTS / file).read_text()
    lines = text.splitlines()
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            comments = re.findall(r"(?:^|\s)#.*", "\n".join(lines[first - 1 : node.end_lineno]))
            found[node.name] = "\n".join([node.name, ast.get_docstring(node) or "", *comments])
    return found


def names(test, number):
    """Return whether what is written in a test has the number: as a whole, whatever stands between its parts."""
    parts = re.findall(r"[0-9A-Za-z]+", number)
    return re.search(rf"(?<![0-9A-Za-z]){r'[^0-9A-Za-z]+'.join(parts)}(?![0-9A-Za-z])", test, re.IGNORECASE) is not None


@pytest.mark.parametrize(("number", "where"), LINES)
def test_a_number_has_its_test(number, where):
    file, mark, name = where.partition("::")
    if mark:
        assert name in written(file), f"tests/{file} has no {name} any more: which test is it now?"
    else:
        found = [test for test, source in written(file).items() if names(source, number)]
        assert found, f"no test of tests/{file} has {number} in its name, its docstring or a comment"


def test_what_does_not_apply_is_said_once_and_with_a_reason():
    tested = {number for lines in SECTIONS.values() for numbers in lines.values() for number in numbers}
    assert not tested & set(DO_NOT_APPLY)
    for number, reason in DO_NOT_APPLY.items():
        assert len(reason) > 40, number
        for file, name in re.findall(r"(\w[\w/]*\.py)::(\w+)", reason):
            assert name in written(file), f"{number}: tests/{file} has no {name}"


@pytest.mark.parametrize(
    ("test", "number", "found"),
    [
        ("def test_cve_2026_34516_34517_x", "34517", True),
        ("def test_345170_x", "34517", False),
        ("def test_threat_2_4_x", "threat 2.4", True),
        ("def test_pitfall_16_x", "pitfall 1", False),
        ("    # CVE-2025-69227: once", "69227", True),
        ("def test_b_181_x", "b 18", False),
    ],
)
def test_numbers_are_found_whole(test, number, found):
    assert names(test, number) is found

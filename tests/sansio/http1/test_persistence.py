"""What one message means for its connection."""

import pytest

from drywire_sansio.http1.persistence import connection_options, expects_continue, keeps_alive, proposes_switch


def options(value):
    return connection_options({b"connection": value})


def test_options_are_the_members_of_connection():
    assert connection_options({}) == []
    assert options(b"") == []
    assert options(b"close") == [b"close"]
    assert options(b" te ,,upgrade\t") == [b"te", b"upgrade"]


@pytest.mark.parametrize(
    ("value", "version", "persists"),
    [
        (b"", b"1.1", True),
        (b"keep-alive", b"1.1", True),
        (b"close", b"1.1", False),
        (b"te, close", b"1.1", False),
        (b"closed", b"1.1", True),
        (b"", b"1.0", False),
        (b"keep-alive", b"1.0", True),
        (b"upgrade", b"1.0", False),
        (b"keep-alive, close", b"1.0", False),
        (b"close, keep-alive", b"1.1", False),
    ],
)
def test_1_1_persists_unless_told_not_to_and_1_0_only_if_told_to(value, version, persists):
    assert keeps_alive(options(value), version) is persists


@pytest.mark.parametrize(
    ("method", "fields", "version", "proposal"),
    [
        (b"GET", {}, b"1.1", None),
        (b"GET", {b"upgrade": b"b", b"connection": b"upgrade"}, b"1.1", b"Upgrade"),
        (b"GET", {b"upgrade": b"b", b"connection": b"keep-alive, upgrade"}, b"1.1", b"Upgrade"),
        (b"GET", {b"upgrade": b"b", b"connection": b"upgrades"}, b"1.1", None),
        (b"GET", {b"upgrade": b"b"}, b"1.1", None),
        (b"GET", {b"connection": b"upgrade"}, b"1.1", None),
        (b"GET", {b"upgrade": b"b", b"connection": b"upgrade"}, b"1.0", None),
        (b"CONNECT", {}, b"1.1", b"CONNECT"),
        (b"CONNECT", {}, b"1.0", b"CONNECT"),
        (b"CONNECT", {b"upgrade": b"b", b"connection": b"upgrade"}, b"1.1", b"CONNECT"),
        (b"connect", {}, b"1.1", None),
    ],
)
def test_a_switch_is_proposed_by_connect_or_by_an_upgrade_that_connection_names(method, fields, version, proposal):
    assert proposes_switch(method, fields, connection_options(fields), version) == proposal


@pytest.mark.parametrize(
    ("value", "version", "waits"),
    [
        (b"100-continue", b"1.1", True),
        (b"a, 100-continue", b"1.1", True),
        (b"100-continue", b"1.0", False),
        (b"200-ok", b"1.1", False),
        (b"", b"1.1", False),
    ],
)
def test_only_100_continue_is_waited_for_and_not_by_1_0(value, version, waits):
    assert expects_continue({b"expect": value}, version) is waits
    assert expects_continue({}, version) is False

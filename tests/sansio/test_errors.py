"""Errors carry what a server, a human and a test need, in bounded size."""

import copy
import pickle

import pytest

from drywire_sansio.errors import LimitExceeded, LocalProtocolError, ProtocolError, RemoteProtocolError

REMOTE = RemoteProtocolError(
    "bare line feed", status=400, rule="bare-lf", section="RFC 9112, 2.2", offset=7, excerpt=b"a" * 100
)
LIMIT = LimitExceeded("head over the limit", limit="head", value=5, status=431, section="RFC 6585, 5", offset=6)


def test_each_side_has_its_error_under_one_root():
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)
    assert issubclass(LimitExceeded, RemoteProtocolError)
    assert not issubclass(LocalProtocolError, RemoteProtocolError)


def test_a_remote_error_says_what_where_and_by_which_rule():
    assert str(REMOTE) == f"bare line feed, at byte 7 ({b'a' * 60!r}) [RFC 9112, 2.2]"
    assert str(RemoteProtocolError("odd")) == "odd, at byte 0"


def test_an_excerpt_is_bounded():
    assert REMOTE.excerpt == b"a" * 60


def test_a_limit_is_a_rule_of_its_own():
    assert (LIMIT.rule, LIMIT.limit, LIMIT.value, LIMIT.status) == ("limit-head", "head", 5, 431)
    assert str(LIMIT) == "head over the limit, at byte 6 [RFC 6585, 5]"


@pytest.mark.parametrize("error", [REMOTE, LIMIT, LocalProtocolError("no")], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_errors_survive_being_copied_and_sent_to_another_process(error, copied):
    again = copied(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)

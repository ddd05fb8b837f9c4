"""The public suffix list, and what holds without."""

import pytest

from drywire_sansio.cookies import SuffixList, top_level

LIST = """\
// ===BEGIN ICANN DOMAINS===

com
uk  and what follows
co.uk
*.ck
!www.ck
// below, other than ASCII
公司.cn
  // a comment
// ===BEGIN PRIVATE DOMAINS===
github.io
"""


@pytest.mark.parametrize(
    ("domain", "public"),
    [
        ("com", True),
        ("example.com", False),
        ("co.uk", True),
        ("a.co.uk", False),
        ("a.ck", True),
        ("a.b.ck", False),
        ("www.ck", False),
        ("unknown", True),
        ("a.unknown", False),
        ("xn--55qx5d.cn", True),
        ("github.io", True),
        ("me.github.io", False),
    ],
)
def test_a_list_has_rules_wildcards_and_exceptions(domain, public):
    assert SuffixList(LIST)(domain) is public


def test_companies_can_be_left_out():
    assert not SuffixList(LIST, private=False)("github.io")
    assert SuffixList(LIST, private=False)("co.uk")


def test_a_rule_that_no_host_can_have_matches_nothing():
    assert not SuffixList("\u0301..com\ncom")("a.com")


def test_without_a_list_the_last_label_is_public():
    assert top_level("com")
    assert not top_level("co.uk")

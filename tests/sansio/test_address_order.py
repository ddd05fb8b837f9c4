"""Happy eyeballs, the pure part: the order in which addresses are tried."""

from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.address_order import interleave_families


def order(text, **options):
    return " ".join(interleave_families(text.split(), lambda name: name[0], **options))


def test_families_take_turns_beginning_with_the_resolvers_first():
    assert order("a1 a2 a3 b1 b2") == "a1 b1 a2 b2 a3"
    assert order("b1 a1 a2") == "b1 a1 a2"


def test_one_family_keeps_its_order():
    assert order("a3 a1 a2") == "a3 a1 a2"


def test_several_of_the_first_family_may_come_first():
    assert order("a1 a2 a3 b1 b2", first_family_count=2) == "a1 a2 b1 a3 b2"
    assert order("a1 b1 b2", first_family_count=5) == "a1 b1 b2"


def test_an_address_that_occurs_twice_is_tried_once():
    assert order("a1 b1 a1 b1") == "a1 b1"


def test_no_addresses_have_no_order():
    assert order("") == ""


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9))), st.integers(1, 4))
def test_nothing_is_lost_and_each_family_keeps_its_order(addresses, count):
    ordered = interleave_families(addresses, lambda address: address[0], count)
    assert sorted(ordered) == sorted(set(addresses))
    for family in range(3):
        wanted = [address for address in dict.fromkeys(addresses) if address[0] == family]
        assert [address for address in ordered if address[0] == family] == wanted

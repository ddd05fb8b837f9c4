"""Paths of routes: decoded, taken apart, and matched."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire import web
from drywire_server.routing.paths import decoded_path, parse_template, quoted_path, segment_patterns

NAMES = ["a", "b", "c", "d"]


@st.composite
def templates(draw):
    """Paths whose segments have several variables, few letters, and so many ways to match."""
    segments = []
    names = iter(NAMES)
    for count in draw(st.lists(st.integers(0, 2), min_size=1, max_size=2)):
        texts = draw(st.lists(st.text("x-", max_size=2), min_size=count + 1, max_size=count + 1))
        segments.append(texts[0] + "".join(f"{{{next(names)}}}{text}" for text in texts[1:]))
    return "/" + "/".join(segments)


@given(templates(), st.text("x-/y%", max_size=12))
def test_segments_with_several_variables_match_as_a_regular_expression_would(path, text):
    template = parse_template(path)
    patterns = segment_patterns(template)
    target = decoded_path("/" + text)
    expected = re.fullmatch(template.regex, target)
    found = web.DynamicResource(path).match(target) if "{" in path else None
    if patterns is None or "{" not in path:
        return
    values = None if expected is None else {k: v.replace("%25", "%") for k, v in expected.groupdict().items()}
    assert found == values


def test_several_variables_in_one_segment_take_time_in_line_with_its_length():
    resource = web.DynamicResource("/{a}-{b}-{c}-{d}-{e}.json")
    began = time.process_time()
    assert resource.match("/" + "-" * 8000) is None
    assert resource.match("/x-" + "-" * 8000 + "y.json")
    assert time.process_time() - began < 0.5


@given(st.text("%2Ff5aéя /", max_size=20))
def test_decoding_twice_is_decoding_once(path):
    once = decoded_path(path)
    assert decoded_path(once) == once
    assert decoded_path(quoted_path(once)) == once
    assert quoted_path(once).isascii()


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/a/{x}/b", ([("a", False), ("", True), ("b", False)], True)),
        ("/a{x}-{y}/c", ([("a", True), ("c", False)], True)),
        ("/a/b{t:.*}", ([("a", False)], False)),
        (r"/{a:\d+}/x", ([("", True), ("x", False)], True)),
        ("/{a:[0-9]{3}}", ([("", True)], True)),
        ("/{a:(?:foo|bar)}/z/", ([("", True), ("z", False), ("", False)], True)),
        ("/{a:[^/]+}", ([("", True)], True)),
        ("/{a:[!-~]+}", ([], False)),
        ("/{a:x/y}", ([], False)),
        (r"/{a:\x2f}", ([], False)),
        (r"/{a:.*}/{b:\w+}", ([], False)),
        ("/{a:.*}/{b:(?P=a)}", ([], False)),
        (r"/x/{a:\W}", ([("x", False)], False)),
        ("/x/{a:(?=y)}", ([("x", False)], False)),
    ],
)
def test_segments_end_where_a_variable_may_have_slashes_in_it(path, segments):
    assert parse_template(path).segments() == segments


@given(
    st.lists(st.sampled_from(["a", "b", "", "{x}", "a{x}", r"{x:\d+}", "{x:.*}", "{x:a/b}"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["a", "b", "ab", "1", ""]), min_size=1, max_size=4),
)
def test_the_index_leaves_out_nothing_that_matches(shape, segments):
    names = iter(["u", "v", "w"])
    path = "/" + "/".join(part.replace("{x", "{" + next(names)) if "{" in part else part for part in shape)
    target = "/" + "/".join(segments)
    router = web.UrlDispatcher()
    resource = router.add_resource(path)
    if resource.match(target) is not None:
        assert [entry.resource for entry in router.candidates(target)] == [resource]

"""`to_json` and `from_json` say what `json.dumps` and `json.loads` say."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_transports.json_text import from_json, to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.booleans() | st.none(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_what_json_writes(value):
    assert to_json(value) == json.dumps(value)


@given(VALUES, st.sampled_from(["", " ", "\n\t ", "\ufeff", "x"]), st.sampled_from(["", " ", "\r\n", ",", "1"]))
def test_what_is_read_is_what_json_reads(value, before, after):
    text = before + json.dumps(value) + after
    assert outcome(from_json, text) == outcome(json.loads, text)


@given(st.text(st.sampled_from('{}[]",:0123456789.eE+-truefalsn \\u\ufeff')))
def test_what_is_no_json_is_refused_as_json_refuses_it(text):
    assert outcome(from_json, text) == outcome(json.loads, text)


def test_errors_are_those_of_json():
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="Circular"):
        to_json(loop)
    with pytest.raises(TypeError, match="object is not JSON serializable"):
        to_json({"a": [object()]})
    with pytest.raises(TypeError, match="keys must be"):
        to_json({(1, 2): 3})


def test_bytes_are_read_as_json_reads_them():
    assert from_json('{"a": "é"}'.encode("utf-16")) == {"a": "é"}


def test_other_functions_are_called():
    assert to_json([1], lambda value: f"<{value}>") == "<[1]>"
    assert from_json("1", lambda text: text * 2) == "11"


def test_a_default_that_was_put_in_place_of_the_usual_one_counts(monkeypatch):
    monkeypatch.setattr(json.JSONEncoder, "default", lambda self, value: "another")
    assert to_json([object()]) == '["another"]'


def outcome(function, text):
    try:
        value = function(text)
    except ValueError as error:
        return type(error), str(error)
    return "nan" if isinstance(value, float) and math.isnan(value) else json.dumps(value)

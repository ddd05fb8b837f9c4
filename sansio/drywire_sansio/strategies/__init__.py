"""Hypothesis strategies for HTTP/1.1: valid messages in all their spellings, and messages that are nearly valid.

For tests of any parser, proxy or handler, drywire's or yours. Needs the extra: ``pip install drywire[hypothesis]``.

    from hypothesis import given
    from drywire_sansio import strategies as http

    @given(http.requests())
    def test_my_parser(message):
        assert my_parser(message.wire) == (message.head.method, message.head.target, message.body)

- Pieces: `tokens`, `methods`, `hosts`, `request_targets`, `field_names`, `field_values`, `header_sets`, `reasons`.
- Heads as events of the core: `request_heads`, `response_heads`.
- Whole messages as `Message`, the bytes and what they mean: `requests`, `responses`, `pipelines`.
- Bodies: `bodies`, `chunkings`, `trailers`.
- How bytes arrive: `splits`.
- What is nearly valid, as bytes: `near_valid_requests`, `near_valid_responses`, `damaged`.

The grammar is that of RFC 9110 and RFC 9112; nothing is taken from the reader that it tests.
"""

try:
    import hypothesis as _hypothesis
except ImportError as error:  # pragma: no cover
    raise ImportError(
        "drywire_sansio.strategies needs Hypothesis: install it with the extra, pip install 'drywire[hypothesis]'"
    ) from error

from .arrivals import splits
from .bodies import bodies, chunkings, trailers
from .damage import damaged, near_valid_requests, near_valid_responses
from .messages import Message, pipelines, request_heads, requests, response_heads, responses
from .pieces import field_names, field_values, header_sets, hosts, methods, reasons, request_targets, tokens

__all__ = [
    "Message",
    "bodies",
    "chunkings",
    "damaged",
    "field_names",
    "field_values",
    "header_sets",
    "hosts",
    "methods",
    "near_valid_requests",
    "near_valid_responses",
    "pipelines",
    "reasons",
    "request_heads",
    "request_targets",
    "requests",
    "response_heads",
    "responses",
    "splits",
    "tokens",
    "trailers",
]

del _hypothesis

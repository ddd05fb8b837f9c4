"""Feeds multipart parsers and takes down what they say."""

from drywire_sansio.errors import RemoteProtocolError
from drywire_sansio.multipart import (
    DEFAULT_MULTIPART_LIMITS,
    NEED_DATA,
    End,
    MultipartParser,
    PartBegin,
    PartData,
    PartEnd,
)

HUGE = 1 << 30


def events(parser):
    """Return all that `parser` has to say by now."""
    said = []
    while (event := parser.next_event()) is not NEED_DATA:
        said.append(event)
    return said


def single_bytes(data):
    return [data[i : i + 1] for i in range(len(data))]


def cut(data, places):
    """Cut `data` at the given places."""
    places = sorted({place % (len(data) + 1) for place in places} - {0, len(data)})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a < b]


def joined(said):
    """Return events with neighbouring pieces of content put together."""
    result = []
    for event in said:
        if isinstance(event, PartData) and result and isinstance(result[-1], PartData):
            result[-1] = PartData(result[-1].data + event.data)
        else:
            result.append(event)
    return result


def verdict(pieces, boundary=b"b", limits=DEFAULT_MULTIPART_LIMITS, *, ended=True):
    """Return what a parser says to `pieces`: its events, pieces of content joined, and its error, None if none."""
    parser = MultipartParser(boundary, limits)
    said = []
    try:
        for piece in [*pieces, b""] if ended else pieces:
            parser.receive_data(piece)
            while (event := parser.next_event()) is not NEED_DATA:
                said.append(event)
    except RemoteProtocolError as error:
        return joined(said), (type(error), error.rule, error.section, error.offset, error.status, error.args[0])
    return joined(said), None


def parts(pieces, boundary=b"b", limits=DEFAULT_MULTIPART_LIMITS):
    """Return the parts of a good body as (fields, content) pairs."""
    said, error = verdict(pieces, boundary, limits)
    assert error is None, error
    assert said[-1] == End()
    found = []
    for event in said[:-1]:
        match event:
            case PartBegin(headers):
                found.append([list(headers), b"", False])
            case PartData(data):
                found[-1][1] += data
            case PartEnd():
                found[-1][2] = True
    assert all(complete for _, _, complete in found)
    return [(fields, content) for fields, content, _ in found]


def refusal(data, limits=DEFAULT_MULTIPART_LIMITS, boundary=b"b"):
    """Return the rule that `data` breaks, after checking that it breaks it at the same byte however it is split."""
    whole = verdict([data], boundary, limits)
    assert whole[1] is not None, f"accepted: {whole[0]}"
    assert verdict(single_bytes(data), boundary, limits) == whole
    return whole[1][1]

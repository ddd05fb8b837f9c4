"""Two readings of the same bytes: do they agree, is one stricter, or do they frame a message differently?"""

from __future__ import annotations

from .peers import Framed, Reading

__all__ = ["AGREE", "THEY_ARE_STRICTER", "WE_ARE_STRICTER", "classify"]

AGREE = "agree"
WE_ARE_STRICTER = "we are stricter"
THEY_ARE_STRICTER = "they are stricter"


def classify(ours: Reading, theirs: Reading) -> str:
    """Return one of the three classes, or in words what is framed differently, which begins with "differs"."""
    for number, (mine, other) in enumerate(zip(ours.messages, theirs.messages, strict=False)):
        difference = _difference(mine, other)
        if difference:
            return f"differs in message {number}: {difference}"
        if mine.complete != other.complete:
            if not mine.complete and ours.refused:
                return WE_ARE_STRICTER
            if not other.complete and theirs.refused:
                return THEY_ARE_STRICTER
            return f"differs in message {number}: only {'we' if mine.complete else 'they'} find its end"
    return _classify_ends(ours, theirs)


def _difference(mine: Framed, other: Framed) -> str:
    if mine.start != other.start:
        return f"begins with {mine.start} for us, {other.start} for them"
    if mine.complete and other.complete:
        same = mine.body == other.body
    else:
        same = mine.body.startswith(other.body) or other.body.startswith(mine.body)
    return "" if same else f"has the body {mine.body!r} for us, {other.body!r} for them"


def _classify_ends(ours: Reading, theirs: Reading) -> str:
    if len(ours.messages) > len(theirs.messages) and not theirs.stopped:
        return THEY_ARE_STRICTER if theirs.refused else "differs: they wait where we have read a message"
    if len(theirs.messages) > len(ours.messages) and not ours.stopped:
        return WE_ARE_STRICTER if ours.refused else "differs: they have read a message where we wait"
    if len(ours.messages) == len(theirs.messages) and not (ours.stopped or theirs.stopped):
        if ours.refused and not theirs.refused:
            return WE_ARE_STRICTER
        if theirs.refused and not ours.refused:
            return THEY_ARE_STRICTER
    return AGREE

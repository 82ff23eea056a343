"""SCAN and HSCAN, followed from the first cursor to the last."""

from __future__ import annotations

from differ.arguments import Arguments
from differ.grammar.rule import Rule, Words


def options(draw: Arguments, with_type: bool) -> Words:
    """MATCH, COUNT and TYPE, well-formed or not."""
    words: Words = []
    if draw.one_in(2):
        words += [b"MATCH", draw.pattern()]
    if draw.one_in(2):
        words += [b"COUNT", draw.pick("1", "2", "10", "1000", "1000", "100", "0", "-1", "x").encode()]
    if with_type and draw.one_in(2):
        # Not "none": redis-server then names a key that has expired, if it happens to come upon it before it is gone.
        words += [b"TYPE", draw.pick("string", "hash", "HASH", "list", "zset", "x").encode()]
    if draw.one_in(30):
        words.append(b"WHAT")
    return words


RULES = [
    Rule("SCAN", 1, lambda draw: [b"0", *options(draw, with_type=True)]),
    Rule("HSCAN", 1.5, lambda draw: [draw.hash_key(), b"0", *options(draw, with_type=draw.one_in(20))]),
]
#: Cursors that are none.
INVALID = [
    Rule("SCAN", 0.3, lambda draw: [draw.pick("x", "-1", "", "1.5", "99999999999999999999999").encode()]),
    Rule("HSCAN", 0.3, lambda draw: [draw.hash_key(), draw.pick("x", "-1", "", "99999999999999999999999").encode()]),
]

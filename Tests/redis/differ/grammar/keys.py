"""Commands on keys of any type."""

from __future__ import annotations

from differ.arguments import Arguments
from differ.grammar.rule import Rule, Words


def conditions(draw: Arguments, *allowed: str) -> Words:
    """Conditions of EXPIRE and its kin, allowed together or not."""
    count = draw.chance.choices((0, 1, 2), (6, 5, 1))[0]
    return [draw.pick(*allowed).encode() for _ in range(count)]


def copy_options(draw: Arguments) -> Words:
    """Options of COPY."""
    words: Words = []
    if draw.one_in(3):
        words += [b"DB", draw.pick("0", "1", "2", "15", "16", "-1", "x").encode()]
    if draw.one_in(2):
        words.append(b"REPLACE")
    return words


ALL = ("NX", "XX", "GT", "LT", "nx", "gt")

RULES = [
    Rule("DEL", 4, lambda draw: draw.some(draw.key, 3)),
    Rule("UNLINK", 2, lambda draw: draw.some(draw.key, 3)),
    Rule("EXISTS", 3, lambda draw: draw.some(draw.key, 4)),
    Rule("TYPE", 3, lambda draw: [draw.key()]),
    Rule("TOUCH", 1, lambda draw: draw.some(draw.key, 4)),
    Rule("EXPIRE", 3, lambda draw: [draw.key(), draw.seconds(), *conditions(draw, *ALL)]),
    Rule("PEXPIRE", 3, lambda draw: [draw.key(), draw.milliseconds(), *conditions(draw, *ALL)]),
    Rule("EXPIREAT", 3, lambda draw: [draw.key(), draw.unix_seconds(), *conditions(draw, *ALL)]),
    Rule("PEXPIREAT", 3, lambda draw: [draw.key(), draw.unix_milliseconds(), *conditions(draw, *ALL)]),
    Rule("TTL", 3, lambda draw: [draw.key()]),
    Rule("PTTL", 3, lambda draw: [draw.key()]),
    Rule("EXPIRETIME", 3, lambda draw: [draw.key()]),
    Rule("PEXPIRETIME", 3, lambda draw: [draw.key()]),
    Rule("PERSIST", 3, lambda draw: [draw.key()]),
    Rule("KEYS", 0.5, lambda draw: [draw.pattern()]),
    Rule("RANDOMKEY", 0.3, lambda draw: []),
    Rule("RENAME", 3, lambda draw: [draw.key(), draw.key()]),
    Rule("RENAMENX", 3, lambda draw: [draw.key(), draw.key()]),
    Rule("COPY", 4, lambda draw: [draw.key(), draw.key(), *copy_options(draw)]),
    Rule("DBSIZE", 0.5, lambda draw: []),
    Rule("FLUSHDB", 0.05, lambda draw: [[], [b"ASYNC"], [b"SYNC"], [b"NOW"]][draw.chance.randrange(4)]),
    Rule("FLUSHALL", 0.02, lambda draw: [[], [b"ASYNC"], [b"SYNC"], [b"NOW"]][draw.chance.randrange(4)]),
    Rule("OBJECT", 2, lambda draw: [b"ENCODING", draw.key()]),
    Rule("OBJECT", 1, lambda draw: [b"REFCOUNT", draw.key()]),
    Rule("OBJECT", 0.05, lambda draw: [b"HELP"]),
]

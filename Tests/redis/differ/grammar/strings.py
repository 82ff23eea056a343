"""Commands on strings."""

from __future__ import annotations

from differ.arguments import Arguments
from differ.grammar.rule import Rule, Words


def expiry_option(draw: Arguments) -> Words:
    """An option of SET and GETEX that sets a deadline."""
    option = draw.pick("EX", "PX", "EXAT", "PXAT")
    times = {
        "EX": draw.seconds, "PX": draw.milliseconds, "EXAT": draw.unix_seconds, "PXAT": draw.unix_milliseconds,
    }  # fmt: skip
    return [option.encode(), times[option]()]


def set_options(draw: Arguments) -> Words:
    """Options of SET, allowed together or not."""
    words: Words = []
    for _ in range(draw.chance.choices((0, 1, 2, 3), (5, 4, 2, 1))[0]):
        option = draw.pick("NX", "XX", "GET", "KEEPTTL", "nx", "xx", "get", "expiry", "expiry")
        words += expiry_option(draw) if option == "expiry" else [option.encode()]
    return words


def getex_options(draw: Arguments) -> Words:
    """Options of GETEX."""
    kind = draw.pick("none", "persist", "expiry", "expiry", "both")
    return {
        "none": [], "persist": [b"PERSIST"], "expiry": expiry_option(draw), "both": [b"PERSIST", *expiry_option(draw)],
    }[kind]  # fmt: skip


def pairs(draw: Arguments) -> Words:
    """Keys with values."""
    return [word for _ in range(draw.chance.randint(1, 5)) for word in (draw.string_key(), draw.value())]


def offset(draw: Arguments) -> bytes:
    """Where SETRANGE writes: near, negative, or beyond what any value may be."""
    if draw.one_in(12):
        return draw.chance.choice([b"-1", b"abc", b"1000000000", b"9223372036854775807", b"1.5", b""])
    return str(draw.chance.choice([0, 1, 2, 5, 10, 60, 500])).encode()


RULES = [
    Rule("GET", 8, lambda draw: [draw.string_key()]),
    Rule("SET", 12, lambda draw: [draw.string_key(), draw.value(), *set_options(draw)]),
    Rule("SET", 4, lambda draw: [draw.number_key(), draw.integer()]),
    Rule("MGET", 4, lambda draw: draw.some(draw.key, 6)),
    Rule("MSET", 3, pairs),
    Rule("MSETNX", 2, pairs),
    Rule("SETNX", 3, lambda draw: [draw.string_key(), draw.value()]),
    Rule("SETEX", 2, lambda draw: [draw.string_key(), draw.seconds(), draw.value()]),
    Rule("PSETEX", 2, lambda draw: [draw.string_key(), draw.milliseconds(), draw.value()]),
    Rule("GETEX", 3, lambda draw: [draw.string_key(), *getex_options(draw)]),
    Rule("GETDEL", 2, lambda draw: [draw.string_key()]),
    Rule("GETSET", 2, lambda draw: [draw.string_key(), draw.value()]),
    Rule("APPEND", 4, lambda draw: [draw.string_key(), draw.value()]),
    Rule("STRLEN", 3, lambda draw: [draw.string_key()]),
    Rule("GETRANGE", 4, lambda draw: [draw.string_key(), draw.index(), draw.index()]),
    Rule("SUBSTR", 1, lambda draw: [draw.string_key(), draw.index(), draw.index()]),
    Rule("SETRANGE", 4, lambda draw: [draw.string_key(), offset(draw), draw.value()]),
    Rule("INCR", 5, lambda draw: [draw.number_key()]),
    Rule("DECR", 3, lambda draw: [draw.number_key()]),
    Rule("INCRBY", 4, lambda draw: [draw.number_key(), draw.integer()]),
    Rule("DECRBY", 4, lambda draw: [draw.number_key(), draw.integer()]),
    Rule("INCRBYFLOAT", 5, lambda draw: [draw.number_key(), draw.float()]),
]

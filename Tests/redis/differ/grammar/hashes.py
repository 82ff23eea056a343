"""Commands on hashes."""

from __future__ import annotations

from differ.arguments import Arguments
from differ.grammar.rule import Rule, Words


def fields_and_values(draw: Arguments) -> Words:
    """Fields with values: a few, seldom so many that the hash grows large."""
    if draw.one_in(40):
        start, count = draw.chance.randrange(400), draw.chance.choice([20, 127, 128, 129, 200, 300])
        return [word for index in range(start, start + count) for word in (f"g{index}".encode(), draw.value())]
    return [word for _ in range(draw.chance.randint(1, 6)) for word in (draw.field(), draw.value())]


def many_fields(draw: Arguments) -> Words:
    """Fields to read or delete, of small hashes and of large ones."""
    if draw.one_in(15):
        return [f"g{draw.chance.randrange(700)}".encode() for _ in range(draw.chance.choice([1, 20, 150]))]
    return draw.some(draw.field, 6)


def random_count(draw: Arguments) -> Words:
    """The count of HRANDFIELD."""
    count = draw.chance.choice([b"0", b"1", b"3", b"100", b"-1", b"-5", b"-30", b"abc", b"-9223372036854775808"])
    tail = draw.chance.choices(([], [b"WITHVALUES"], [b"withvalue"]), (4, 4, 1))[0]
    return [count, *tail]


RULES = [
    Rule("HSET", 14, lambda draw: [draw.hash_key(), *fields_and_values(draw)]),
    Rule("HSETNX", 3, lambda draw: [draw.hash_key(), draw.field(), draw.value()]),
    Rule("HMSET", 2, lambda draw: [draw.hash_key(), *fields_and_values(draw)]),
    Rule("HGET", 5, lambda draw: [draw.hash_key(), draw.field()]),
    Rule("HMGET", 5, lambda draw: [draw.hash_key(), *many_fields(draw)]),
    Rule("HGETALL", 3, lambda draw: [draw.hash_key()]),
    Rule("HKEYS", 2, lambda draw: [draw.hash_key()]),
    Rule("HVALS", 2, lambda draw: [draw.hash_key()]),
    Rule("HLEN", 3, lambda draw: [draw.hash_key()]),
    Rule("HEXISTS", 3, lambda draw: [draw.hash_key(), draw.field()]),
    Rule("HDEL", 5, lambda draw: [draw.hash_key(), *many_fields(draw)]),
    Rule("HSTRLEN", 3, lambda draw: [draw.hash_key(), draw.field()]),
    Rule("HINCRBY", 4, lambda draw: [draw.hash_key(), draw.field(), draw.integer()]),
    Rule("HINCRBYFLOAT", 4, lambda draw: [draw.hash_key(), draw.field(), draw.float()]),
    Rule("HRANDFIELD", 1, lambda draw: [draw.hash_key()]),
    Rule("HRANDFIELD", 2, lambda draw: [draw.hash_key(), *random_count(draw)]),
]

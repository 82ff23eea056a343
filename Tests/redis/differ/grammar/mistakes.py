"""What is wrong on purpose: arguments left out, added, swapped or replaced; commands that nobody has."""

from __future__ import annotations

from differ.arguments import EDGE_INTEGERS, Arguments
from differ.grammar.rule import Words

UNKNOWN = [b"NOSUCH", b"GETT", b"", b"H", b"X" * 200, b"get\r\nset", b"hset ", b"\xff\x00"]
CONTAINERS = [b"OBJECT", b"CLIENT", b"CONFIG", b"COMMAND", b"ACL", b"SLOWLOG"]


def spoiled(draw: Arguments, words: Words) -> Words:
    """The command with one mistake."""
    words = list(words)
    at = draw.chance.randrange(len(words))
    match draw.pick("drop", "drop", "truncate", "repeat", "swap", "number", "word", "extra"):
        case "drop" if len(words) > 1:
            del words[max(at, 1)]
        case "truncate":
            words = words[: max(at, 1)]
        case "repeat" if at > 0:
            words.insert(at, words[at])
        case "swap" if len(words) > 2:
            other = draw.chance.randrange(1, len(words))
            at = max(at, 1)
            words[at], words[other] = words[other], words[at]
        case "number" if at > 0:
            words[at] = draw.chance.choice(EDGE_INTEGERS).encode()
        case "word" if at > 0:
            words[at] = draw.pick("NX", "EX", "WITHVALUES", "nonsense", "0", "").encode()
        case _:
            words.append(draw.pick("extra", "NX", "0", "GT").encode())
    return words


def unknown(draw: Arguments) -> Words:
    """A command or subcommand that nobody has."""
    if draw.one_in(3):
        return [draw.chance.choice(CONTAINERS), b"NOSUCH", *draw.some(draw.value, 2)]
    return [draw.chance.choice(UNKNOWN), *([] if draw.one_in(3) else draw.some(draw.value, 30))]

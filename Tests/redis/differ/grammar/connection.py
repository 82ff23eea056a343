"""Commands on the connection itself."""

from __future__ import annotations

from differ.arguments import Arguments
from differ.grammar.rule import Rule, Words


def hello(draw: Arguments) -> Words:
    """HELLO with a protocol and options, allowed or not."""
    words = [draw.pick("2", "3", "2", "3", "3", "1", "4", "x", "").encode()]
    if draw.one_in(4):
        words += [b"SETNAME", draw.pick("me", "a b", "", "you").encode()]
    if draw.one_in(6):
        words += [b"AUTH", b"default", draw.pick("", "secret").encode()]
    if draw.one_in(20):
        words.append(b"AUTH")
    return words


def client(draw: Arguments) -> Words:
    """CLIENT with the subcommands that answer and change nothing else."""
    match draw.pick("ID", "GETNAME", "SETNAME", "INFO", "LIST", "NO-EVICT", "REPLY", "GETREDIR", "UNPAUSE", "KILL",
                    "TRACKINGINFO", "UNBLOCK", "HELP", "PAUSE", "CACHING"):  # fmt: skip
        case "SETNAME":
            return [b"SETNAME", draw.pick("", "name", "two words", "n\n", "other").encode()]
        case "LIST":
            return [b"LIST", *draw.chance.choice([[], [b"TYPE", b"normal"], [b"TYPE", b"odd"], [b"ID", b"x"], [b"X"],
                                                  [b"ID"], [b"ID", b"0"], [b"ID", b"-1", b"99999999"],
                                                  [b"ID", b"0", b"x"]])]  # fmt: skip
        case "NO-EVICT":
            return [b"NO-EVICT", draw.pick("on", "off", "maybe").encode()]
        case "REPLY":
            return [b"REPLY", draw.pick("ON", "on", "what").encode()]
        case "UNBLOCK":
            return [b"UNBLOCK", draw.pick("99999999", "x").encode()]
        case "KILL":
            return [b"KILL", *draw.chance.choice([[b"1.2.3.4:5"], [b"ID", b"99999999"], [b"ID", b"x"], [b"TYPE", b"odd"],
                                                  [b"ADDR", b"1.2.3.4:5"], [b"USER", b"nobody"], [b"X", b"y"]])]  # fmt: skip
        case "PAUSE":
            return [b"PAUSE", *draw.chance.choice([[b"0"], [b"-1"], [b"x"], [b"0", b"WRITE"], [b"0", b"READ"]])]
        case "CACHING":
            return [b"CACHING", draw.pick("yes", "what").encode()]
        case word:
            return [word.encode()]


RULES = [
    Rule("PING", 1, lambda draw: [draw.value()] if draw.one_in(2) else []),
    Rule("ECHO", 1, lambda draw: [draw.value()]),
    Rule("SELECT", 2, lambda draw: [draw.pick("0", "0", "0", "0", "1", "2", "15", "16", "-1", "x", "").encode()]),
    Rule("HELLO", 0.7, hello),
    Rule("HELLO", 0.2, lambda draw: []),
    Rule("AUTH", 0.3, lambda draw: draw.some(lambda: draw.pick("default", "secret", "nobody").encode(), 3)),
    Rule("AUTH", 0.2, lambda draw: [b"cora", draw.pick("secret", "wrong").encode()]),
    Rule("CLIENT", 1.5, client),
    Rule("RESET", 0.3, lambda draw: []),
    Rule("QUIT", 0.1, lambda draw: []),
]

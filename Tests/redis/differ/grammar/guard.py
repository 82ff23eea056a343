"""Keeps chance out of a run: no deadline near now, where two servers' clocks decide, and nothing that waits."""

from __future__ import annotations

import zlib

from differ.grammar.rule import Words

#: Where the time to live stands; in SET and GETEX it follows one of the options.
POSITIONS = {b"EXPIRE": 2, b"PEXPIRE": 2, b"SETEX": 2, b"PSETEX": 2}
OPTIONS = {b"EX", b"PX"}
#: What counts as soon, for a time in seconds and for one in milliseconds.
SECONDS = {b"EXPIRE", b"SETEX", b"EX"}
SOON_SECONDS, SOON_MILLISECONDS = range(1, 100_000), range(1, 100_000_000)


def without_chance(words: Words) -> Words:
    """The command with every life that would end soon made long, and every wait made none."""
    words = list(words)
    name = words[0].upper()
    places = [(POSITIONS[name], name)] if name in POSITIONS else []
    if name in (b"SET", b"GETEX"):
        places = [(index + 1, word.upper()) for index, word in enumerate(words) if word.upper() in OPTIONS]
    for place, unit in places:
        soon = SOON_SECONDS if unit in SECONDS else SOON_MILLISECONDS
        if place < len(words) and _number(words[place]) in soon:
            # Drawn from the command, so that two such deadlines are seldom the same.
            words[place] = b"%d" % (31_536_000_000 + zlib.crc32(b" ".join(words)))
    if name == b"CONFIG" and words[1:2] != [b"GET"] and any(word.lower() == b"requirepass" for word in words[2:]):
        # Refused, so that what is asked later does not depend on who has logged in when; all are left as they were.
        words += [b"slowlog-max-len", b"x"]
    if name == b"WAIT" and len(words) > 1 and _number(words[1]) > 0:
        words[1] = b"0"
    if name == b"CLIENT" and len(words) > 2 and words[1].upper() == b"PAUSE" and _number(words[2]) > 0:
        words[2] = b"0"
    return words


def _number(word: bytes) -> int:
    """The number that a server reads in a word, or 0."""
    return int(word) if word.isdigit() else 0

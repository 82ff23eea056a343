"""The whole state of a server: every key of every database with type, deadline and content."""

from __future__ import annotations

from typing import NamedTuple

from differ.agreement import MILLISECONDS_APART
from differ.wire import Connection, Reply, encode

DATABASES = 16


class Key(NamedTuple):
    """What one key holds."""

    type: bytes
    deadline: int
    content: tuple[bytes, ...]


State = dict[tuple[int, bytes], Key]


def read_state(connection: Connection) -> State:
    """All keys of all databases; the connection stays in the last."""
    state: State = {}
    for database in range(DATABASES):
        connection.call("SELECT", str(database))
        names = sorted(_texts(connection.call("KEYS", "*")))
        connection.send(b"".join(encode([b"TYPE", name]) + encode([b"PEXPIRETIME", name]) for name in names))
        heads = [(_text(connection.read()), int(_text(connection.read()))) for _ in names]
        reads = {b"string": b"GET", b"hash": b"HGETALL"}
        connection.send(b"".join(encode([reads[kind], name]) for name, (kind, _) in zip(names, heads)))
        for name, (kind, deadline) in zip(names, heads):
            content = connection.read()
            state[database, name] = Key(kind, deadline, _content(kind, content))
    return state


def differences(left: State, right: State) -> list[str]:
    """What differs between two states, in words."""
    found: list[str] = []
    for place in sorted(left.keys() | right.keys()):
        ours, theirs = left.get(place), right.get(place)
        where = f"database {place[0]}, key {place[1]!r}"
        if ours is None or theirs is None:
            found.append(f"{where}: {ours} against {theirs}")
        elif ours.type != theirs.type or ours.content != theirs.content:
            found.append(f"{where}: {_brief(ours)} against {_brief(theirs)}")
        elif not _near(ours.deadline, theirs.deadline):
            found.append(f"{where}: deadline {ours.deadline} against {theirs.deadline}")
    return found


def _near(left: int, right: int) -> bool:
    return left == right if min(left, right) < 0 else abs(left - right) <= MILLISECONDS_APART


def _brief(key: Key) -> str:
    text = repr(key)
    return text if len(text) < 600 else f"{text[:600]}…"


def _content(kind: bytes, reply: Reply) -> tuple[bytes, ...]:
    if kind == b"string":
        return (_text(reply),)
    texts = _texts(reply)
    return tuple(word for pair in sorted(zip(texts[::2], texts[1::2])) for word in pair)


def _texts(reply: Reply) -> list[bytes]:
    assert isinstance(reply.value, tuple), str(reply)
    return [_text(item) for item in reply.value]


def _text(reply: Reply) -> bytes:
    assert isinstance(reply.value, bytes), str(reply)
    return reply.value

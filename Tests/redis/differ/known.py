"""What differs from Redis on purpose, each with its reason; docs/redis.md carries the same list."""

from __future__ import annotations

from typing import NamedTuple

from differ.agreement import Agree, same_type
from differ.command import Command
from differ.wire import Reply


class OnPurpose(NamedTuple):
    """A command whose replies need not be Redis' own, what still has to hold, and why."""

    command: str
    agree: Agree
    reason: str


def either_or_invalid_cursor(command: Command, left: Reply, right: Reply) -> bool:
    """Redis' reply, or that the cursor is none of the node's."""
    return same_type(command, left, right) or right == Reply("-", b"ERR invalid cursor")


def part_of(command: Command, left: Reply, right: Reply) -> bool:
    """The right side's documentation says nothing that the left's does not."""
    if not isinstance(left.value, tuple) or not isinstance(right.value, tuple):
        return left == right
    theirs = dict(zip(left.value[::2], left.value[1::2]))
    ours = dict(zip(right.value[::2], right.value[1::2]))
    return left.kind == right.kind and ours.keys() == theirs.keys() and all(
        _pairs(item) <= _pairs(theirs[name]) for name, item in ours.items()
    )  # fmt: skip


def _pairs(reply: Reply) -> set[tuple[Reply, Reply]]:
    assert isinstance(reply.value, tuple)
    return set(zip(reply.value[::2], reply.value[1::2]))


CURSOR = "a cursor stands for a place in a bounded table: one that the node did not give is an error, not a gap"
HELP = "lists the subcommands that the node has"
#: The list; a command that is not in it answers as Redis does, to the letter.
ON_PURPOSE = [
    OnPurpose("SCAN", either_or_invalid_cursor, CURSOR),
    OnPurpose("HSCAN", either_or_invalid_cursor, CURSOR),
    OnPurpose("COMMAND|DOCS", part_of, "has summary, version and group; not arguments and history"),
    OnPurpose("OBJECT|ENCODING", same_type, "what Redis would choose for the value as it is; its history is not kept"),
    OnPurpose("OBJECT|REFCOUNT", same_type, "values are not shared"),
    *(OnPurpose(f"{name}|HELP", same_type, HELP) for name in ("ACL", "CLIENT", "COMMAND", "CONFIG", "OBJECT", "SLOWLOG")),
]


def agreements() -> dict[str, Agree]:
    """What still has to hold, by command."""
    return {item.command: item.agree for item in ON_PURPOSE}

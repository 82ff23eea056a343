"""What differs from Redis on purpose, each with its reason; docs/redis.md carries the same list."""

from __future__ import annotations

from typing import NamedTuple

from differ.agreement import Agree, in_any_order, same_type, words_in_any_order
from differ.command import Command
from differ.wire import Reply


class OnPurpose(NamedTuple):
    """A command whose replies need not be Redis' own, what still has to hold, and why."""

    command: str
    agree: Agree
    reason: str


def either_or_invalid_cursor(command: Command, left: Reply, right: Reply) -> bool:
    """Redis' reply, or that the cursor is none of the node's."""
    is_refused = right.kind == "-" and isinstance(right.value, bytes) and right.value.startswith(b"ERR cursor ")
    return same_type(command, left, right) or is_refused


def part_of(command: Command, left: Reply, right: Reply) -> bool:
    """The right side's documentation says nothing that the left's does not."""
    if not isinstance(left.value, tuple) or not isinstance(right.value, tuple):
        return left == right
    if len(command.arguments) == 2:
        # All commands are told of, and each side has its own.
        return same_type(command, left, right)
    theirs = dict(zip(left.value[::2], left.value[1::2]))
    ours = dict(zip(right.value[::2], right.value[1::2]))
    return left.kind == right.kind and ours.keys() == theirs.keys() and all(
        _pairs(item) <= _pairs(theirs[name]) for name, item in ours.items()
    )  # fmt: skip


def named_commands(command: Command, left: Reply, right: Reply) -> bool:
    """The same commands; where none is named each lists its own."""
    if len(command.arguments) == 2:
        return same_type(command, left, right)
    return in_any_order(command, left, right)


def apart_from_rules(command: Command, left: Reply, right: Reply) -> bool:
    """The same users, but for how the commands that each may call are put into words."""
    return words_in_any_order(command, _without_rules(left), _without_rules(right))


def _without_rules(reply: Reply) -> Reply:
    if isinstance(reply.value, tuple):
        return Reply(reply.kind, tuple(_without_rules(item) for item in reply.value))
    if reply.kind == "$" and reply.value is not None:
        return Reply(reply.kind, b" ".join(word for word in reply.value.split(b" ") if word[:1] not in (b"+", b"-")))
    return reply


def without_no(command: Command, left: Reply, right: Reply) -> bool:
    """Redis' reply, but for `no` among the words to choose from."""
    if left.kind == right.kind == "-" and isinstance(left.value, bytes):
        return right.value == left.value.replace(b"everysec, always, no", b"everysec, always")
    return left == right


def _pairs(reply: Reply) -> set[tuple[Reply, Reply]]:
    assert isinstance(reply.value, tuple)
    return set(zip(reply.value[::2], reply.value[1::2]))


CURSOR = "a cursor stands for a place in a bounded table: one that the node did not give is an error, not a gap"
HELP = "lists the subcommands that the node has"
RULES = "shows what was said of commands, as Redis 7.2 does; 7.0 looks for another way to say the same"
#: The list; a command that is not in it answers as Redis does, to the letter.
ON_PURPOSE = [
    OnPurpose("SCAN", either_or_invalid_cursor, CURSOR),
    OnPurpose("HSCAN", either_or_invalid_cursor, CURSOR),
    OnPurpose("COMMAND|INFO", named_commands, "without names it lists all commands, and the node has fewer"),
    OnPurpose("COMMAND|LIST", named_commands, "without a filter it lists all commands, and the node has fewer"),
    OnPurpose("COMMAND|DOCS", part_of, "has summary, version and group; not arguments and history"),
    OnPurpose("ACL|LIST", apart_from_rules, RULES),
    OnPurpose("ACL|GETUSER", apart_from_rules, RULES),
    OnPurpose("CONFIG|SET", without_no, "a log that is never synced is not offered: `appendfsync no`"),
    OnPurpose("OBJECT|ENCODING", same_type, "what Redis would choose for the value as it is; its history is not kept"),
    OnPurpose("OBJECT|REFCOUNT", same_type, "values are not shared"),
    *(OnPurpose(f"{name}|HELP", same_type, HELP) for name in ("ACL", "CLIENT", "COMMAND", "CONFIG", "OBJECT", "SLOWLOG")),
]


def agreements() -> dict[str, Agree]:
    """What still has to hold, by command."""
    return {item.command: item.agree for item in ON_PURPOSE}

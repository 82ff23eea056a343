"""When two replies to the same command say the same."""

from __future__ import annotations

from collections.abc import Callable

from differ.command import Command, Form
from differ.wire import Reply

Agree = Callable[[Command, Reply, Reply], bool]

#: How far apart two servers may say that a key's deadline is: both were told a moment after another.
SECONDS_APART, MILLISECONDS_APART = 6, 6000


def exactly(command: Command, left: Reply, right: Reply) -> bool:
    """Type and content are the same."""
    return left == right


def same_type(command: Command, left: Reply, right: Reply) -> bool:
    """Type is the same, and the text where it is an error: the content is each server's own."""
    return left.kind == right.kind and (left.kind != "-" or left == right)


def same_length(command: Command, left: Reply, right: Reply) -> bool:
    """The same type and as many elements, whatever they are; what holds no elements is a random one or nothing."""
    if isinstance(left.value, tuple) and isinstance(right.value, tuple):
        return left.kind == right.kind and len(left.value) == len(right.value)
    return same_type(command, left, right) and (left.value is None) == (right.value is None)


def in_any_order(command: Command, left: Reply, right: Reply) -> bool:
    """The same elements in any order, at every depth."""
    return _sorted(left) == _sorted(right)


def pairs_in_any_order(command: Command, left: Reply, right: Reply) -> bool:
    """The same pairs in any order; RESP2 has them flat in an array, RESP3 in a map."""
    return left.kind == right.kind and _sorted_pairs(left) == _sorted_pairs(right)


def words_in_any_order(command: Command, left: Reply, right: Reply) -> bool:
    """The same words in each text: redis-server describes a user's rules in the order of a hash table."""
    return _with_sorted_words(left) == _with_sorted_words(right)


def apart_from_clients(command: Command, left: Reply, right: Reply) -> bool:
    """The same denials; when they were and of which connection is each server's own."""
    return _without_clients(left) == _without_clients(right)


def _without_clients(reply: Reply) -> Reply:
    if not isinstance(reply.value, tuple):
        return reply
    entries = [_sorted_pairs(entry) for entry in reply.value]
    own = (b"age-seconds", b"client-info")
    return Reply(reply.kind, tuple(
        Reply("entry", tuple(pair for pair in entry if isinstance(pair.value, tuple) and pair.value[0].value not in own))
        for entry in entries if isinstance(entry, tuple)
    ))  # fmt: skip


def seconds(command: Command, left: Reply, right: Reply) -> bool:
    """Times in seconds, nearly the same; the negative ones have meanings."""
    return _near(left, right, SECONDS_APART)


def milliseconds(command: Command, left: Reply, right: Reply) -> bool:
    """Times in milliseconds, nearly the same."""
    return _near(left, right, MILLISECONDS_APART)


def _near(left: Reply, right: Reply, apart: int) -> bool:
    if left.kind != ":" or right.kind != ":" or not isinstance(left.value, bytes) or not isinstance(right.value, bytes):
        return left == right
    ours, theirs = int(left.value), int(right.value)
    return ours == theirs if min(ours, theirs) < 0 else abs(ours - theirs) <= apart


def _with_sorted_words(reply: Reply) -> Reply:
    if isinstance(reply.value, tuple):
        return Reply(reply.kind, tuple(_with_sorted_words(item) for item in reply.value))
    if reply.kind == "$" and reply.value is not None:
        return Reply(reply.kind, b" ".join(sorted(reply.value.split(b" "))))
    return reply


def _sorted(reply: Reply) -> Reply:
    if not isinstance(reply.value, tuple):
        return reply
    if reply.kind in "%|":
        return Reply(reply.kind, _sorted_pairs(reply))
    return Reply(reply.kind, tuple(sorted((_sorted(item) for item in reply.value), key=repr)))


def _sorted_pairs(reply: Reply) -> tuple[Reply, ...] | bytes | None:
    if not isinstance(reply.value, tuple):
        return reply.value
    pairs = zip(reply.value[::2], reply.value[1::2])
    # Pairs made visible as such, so that two sorts cannot agree by chance.
    return tuple(sorted((Reply("pair", (key, _sorted(value))) for key, value in pairs), key=repr))


#: What two redis-servers need not answer alike; everything else is compared exactly. A container's subcommand is A|B.
BETWEEN_ALL: dict[str, Agree] = {
    "KEYS": in_any_order, "HKEYS": in_any_order, "HVALS": in_any_order, "HGETALL": pairs_in_any_order,
    "TTL": seconds, "EXPIRETIME": seconds, "PTTL": milliseconds, "PEXPIRETIME": milliseconds,
    "RANDOMKEY": same_length, "HRANDFIELD": same_length, "SCAN": same_type, "HSCAN": same_type,
    # Keys that have expired count until something removes them.
    "DBSIZE": same_type,
    "TIME": same_type, "INFO": same_type, "ROLE": same_type,
    "HELLO": same_length, "CLIENT|ID": same_type, "CLIENT|LIST": same_type, "CLIENT|INFO": same_type,
    "CONFIG|GET": pairs_in_any_order, "COMMAND": same_type, "COMMAND|INFO": in_any_order, "COMMAND|DOCS": in_any_order,
    "COMMAND|LIST": in_any_order, "SLOWLOG|GET": same_type, "SLOWLOG|LEN": same_type,
    "ACL|GENPASS": same_length, "ACL|LIST": words_in_any_order, "ACL|GETUSER": words_in_any_order,
    "ACL|USERS": in_any_order, "ACL|LOG": apart_from_clients, "ACL|CAT": in_any_order, "LATENCY|HISTOGRAM": same_type,
}  # fmt: skip


class Agreement:
    """What may differ between two kinds of server."""

    def __init__(self, on_purpose: dict[str, Agree]) -> None:
        self._agree = BETWEEN_ALL | on_purpose

    def __call__(self, command: Command, left: Reply, right: Reply) -> bool:
        """Whether two replies say the same."""
        if left == right:
            return True
        if command.form is Form.ITERATED and left.kind == right.kind == "iteration":
            return in_any_order(command, left, right)
        agree = self._agree.get(f"{command.name}|{command.subcommand}") or self._agree.get(command.name)
        return agree is not None and agree(command, left, right)

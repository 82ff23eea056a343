"""The two servers of a run: the same batches go to both."""

from __future__ import annotations

from dataclasses import dataclass, field

from differ.command import Batch, Command, Form
from differ.wire import Connection, ConnectionClosed, Reply
from servers import Address

CLOSED = Reply("closed", None)
#: An iteration that takes more steps than this goes round in circles.
MOST_STEPS = 100_000


@dataclass
class Side:
    """One server with its connections."""

    address: Address
    connections: list[Connection] = field(default_factory=list)
    control: Connection | None = None

    def reset(self, count: int) -> None:
        """Removes all keys and users, and connects anew."""
        self.close()
        self.control = control = Connection(self.address)
        control.call("CLIENT", "UNPAUSE")
        control.call("FLUSHALL")
        control.call("ACL", "LOG", "RESET")
        users = control.call("ACL", "USERS").value
        for user in users if isinstance(users, tuple) else ():
            if isinstance(user.value, bytes) and user.value != b"default":
                control.call("ACL", "DELUSER", user.value)
        self.connections = [Connection(self.address) for _ in range(count)]

    def close(self) -> None:
        """Closes all connections."""
        for connection in [*self.connections, *([self.control] if self.control else [])]:
            connection.close()
        self.connections, self.control = [], None

    def reconnect(self, index: int) -> None:
        """Replaces one connection."""
        self.connections[index].close()
        self.connections[index] = Connection(self.address)

    def send(self, batch: Batch) -> None:
        """Sends a batch that is no iteration."""
        try:
            self.connections[batch.connection].send(b"".join(command.encoded() for command in batch.commands))
        except ConnectionClosed:
            pass  # reading finds it closed, after what the server said before

    def replies(self, batch: Batch) -> list[Reply]:
        """The replies of a batch; where the connection ended, `CLOSED` is the last."""
        connection = self.connections[batch.connection]
        replies: list[Reply] = []
        try:
            for command in batch.commands:
                replies.append(connection.read())
                if command.name == "QUIT" and replies[-1].kind != "-":
                    connection.read()
        except ConnectionClosed:
            replies.append(CLOSED)
        return replies

    def iterate(self, batch: Batch) -> list[Reply]:
        """Everything that an iteration gives, each element once; its reply as it is when that holds no cursor."""
        connection, command = self.connections[batch.connection], batch.commands[0]
        at = 1 if command.name == "SCAN" else 2
        arguments, found = list(command.arguments), set[Reply]()
        try:
            for _ in range(MOST_STEPS):
                reply = connection.call(*arguments)
                if not isinstance(reply.value, tuple) or len(reply.value) != 2:
                    return [reply]
                cursor, items = reply.value
                assert isinstance(cursor.value, bytes) and isinstance(items.value, tuple)
                found |= set(items.value if at == 1 else _pairs(items.value))
                arguments[at] = cursor.value
                if cursor.value == b"0":
                    return [Reply("iteration", tuple(found))]
        except ConnectionClosed:
            return [CLOSED]
        return [Reply("endless iteration", None)]


def _pairs(items: tuple[Reply, ...]) -> list[Reply]:
    return [Reply("pair", pair) for pair in zip(items[::2], items[1::2])]


class Pair:
    """Two servers that get the same."""

    def __init__(self, left: Address, right: Address, connections: int) -> None:
        self.sides = (Side(left), Side(right))
        self._count = connections
        self._queued: list[list[Command]] = []

    def reset(self) -> None:
        """Both servers empty, all connections new."""
        for side in self.sides:
            side.reset(self._count)
        self._queued = [[] for _ in range(self._count)]

    def close(self) -> None:
        """Closes all connections."""
        for side in self.sides:
            side.close()

    def run(self, batch: Batch) -> list[tuple[Command, Reply, Reply]]:
        """Sends a batch to both and pairs the replies; those of an EXEC come one by one, each with its command."""
        if batch.commands[0].form is Form.ITERATED:
            left, right = (side.iterate(batch) for side in self.sides)
        else:
            for side in self.sides:
                side.send(batch)
            left, right = (side.replies(batch) for side in self.sides)
        if CLOSED in left or CLOSED in right:
            for side in self.sides:
                side.reconnect(batch.connection)
        triples: list[tuple[Command, Reply, Reply]] = []
        for index in range(max(len(left), len(right))):
            command = batch.commands[min(index, len(batch.commands) - 1)]
            ours, theirs = (replies[index] if index < len(replies) else CLOSED for replies in (left, right))
            triples += self._unpacked(batch.connection, command, ours, theirs)
        return triples

    def _unpacked(
        self, connection: int, command: Command, left: Reply, right: Reply
    ) -> list[tuple[Command, Reply, Reply]]:
        queue = self._queued[connection]
        if left == Reply("+", b"QUEUED"):
            queue.append(command)
            return [(command, left, right)]
        queued = list(queue)
        if command.name in ("EXEC", "DISCARD", "RESET", "QUIT") or left == CLOSED:
            queue.clear()
        if command.name == "EXEC" and isinstance(left.value, tuple) and isinstance(right.value, tuple):
            if left.kind == right.kind and len(left.value) == len(right.value) == len(queued):
                return list(zip(queued, left.value, right.value))
        return [(command, left, right)]

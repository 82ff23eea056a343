"""Bounds: what a client may cost, and how it is told."""

from __future__ import annotations

import unittest

from differ.wire import Connection, ConnectionClosed, Reply, encode
from node_case import NodeCase, only_godwit


class LimitTests(NodeCase):
    """Connections, slow readers, values."""

    def raw(self) -> Connection:
        """A connection without a client."""
        connection = Connection(self.server.address, timeout=30)
        self.addCleanup(connection.close)
        return connection

    def test_too_many_connections_are_refused(self) -> None:
        """Those that are there go on; when one leaves there is room."""
        before = int(self.client.config_get("maxclients")["maxclients"])
        first = self.raw()
        self.assertEqual(first.call("PING"), Reply("+", b"PONG"))
        connected = self.client.info("clients")["connected_clients"]
        self.client.config_set("maxclients", connected + 2)
        self.addCleanup(lambda: self.client.config_set("maxclients", before))
        others = [self.raw() for _ in range(2)]
        for other in others:
            self.assertEqual(other.call("PING"), Reply("+", b"PONG"))
        self.assertEqual(self.raw().read(), Reply("-", b"ERR max number of clients reached"))
        self.assertEqual(first.call("PING"), Reply("+", b"PONG"))
        others[0].call("QUIT")
        self.assertEqual(self.raw().call("PING"), Reply("+", b"PONG"))

    @only_godwit
    def test_a_slow_reader_costs_a_bounded_amount(self) -> None:
        """A client that asks for a gigabyte and reads nothing neither stops others nor fills the memory."""
        self.client.set("big", b"x" * (1 << 20))
        slow = self.raw()
        request = encode([b"GET", b"big"]) * 1000
        slow.send(request)
        before = self.resident()
        for index in range(200):
            self.client.set("small", index)
            self.assertEqual(self.client.get("small"), str(index).encode())
        self.assertLess(self.resident() - before, 128 << 20)

    @only_godwit
    def test_a_value_of_the_longest_length_is_kept_and_a_longer_one_refused(self) -> None:
        """16 MiB in all; the node and, for one that SETRANGE would make, the connection go on."""
        longest = b"x" * ((16 << 20) - 64)
        self.client.set("a", longest)
        self.assertEqual(self.client.strlen("a"), len(longest))
        connection = self.raw()
        reply = connection.call("SETRANGE", "a", str(17 << 20), "y")
        self.assertEqual(reply, Reply("-", b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"))
        connection.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\n" % ((16 << 20) + 1))
        self.assertEqual(connection.read(), Reply("-", b"ERR Protocol error: invalid bulk length"))
        self.assertRaises(ConnectionClosed, connection.read)
        self.assertEqual(self.client.strlen("a"), len(longest))

    def resident(self) -> int:
        """Bytes of memory that the server's process has."""
        with open(f"/proc/{self.server.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    unittest.main()

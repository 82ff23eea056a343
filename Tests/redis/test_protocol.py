"""What goes over the wire, byte by byte: requests in pieces, protocol errors, replies turned off, unknown commands."""

from __future__ import annotations

import socket
import unittest

from differ.wire import Connection, ConnectionClosed, Reply, encode
from node_case import NodeCase, only_godwit


class ProtocolTests(NodeCase):
    """Raw connections."""

    def raw(self) -> Connection:
        """A connection without a client."""
        connection = Connection(self.server.address)
        self.addCleanup(connection.close)
        return connection

    def test_a_request_may_come_byte_by_byte(self) -> None:
        """Arrays and inline commands alike."""
        connection = self.raw()
        for byte in encode([b"SET", b"a", b"x\r\ny"]) + b'set "b" "\\x41 c"\r\n' + b"\r\n" + encode([b"MGET", b"a", b"b"]):
            connection.send(bytes([byte]))
        self.assertEqual([connection.read(), connection.read()], [Reply("+", b"OK")] * 2)
        self.assertEqual(connection.read(), Reply("*", (Reply("$", b"x\r\ny"), Reply("$", b"A c"))))

    def test_what_is_no_protocol_ends_the_connection(self) -> None:
        """With Redis' texts, after the replies of what came before."""
        cases = {
            b"*x\r\n": b"ERR Protocol error: invalid multibulk length",
            b"*99999999999\r\n": b"ERR Protocol error: invalid multibulk length",
            b"*1\r\nx3\r\n": b"ERR Protocol error: expected '$', got 'x'",
            b"*1\r\n$x\r\n": b"ERR Protocol error: invalid bulk length",
            b"*1\r\n$-1\r\n": b"ERR Protocol error: invalid bulk length",
            b'get "a\r\n': b"ERR Protocol error: unbalanced quotes in request",
            b"get 'a'b\r\n": b"ERR Protocol error: unbalanced quotes in request",
            b"x" * (64 * 1024 + 1): b"ERR Protocol error: too big inline request",
            b"*1" + b"0" * (64 * 1024): b"ERR Protocol error: too big mbulk count string",
            b"*1\r\n$1" + b"0" * (64 * 1024): b"ERR Protocol error: too big bulk count string",
        }
        for request, text in cases.items():
            with self.subTest(request=request[:20]):
                connection = self.raw()
                connection.send(encode([b"PING"]) + request)
                self.assertEqual([connection.read(), connection.read()], [Reply("+", b"PONG"), Reply("-", text)])
                self.assertRaises(ConnectionClosed, connection.read)
        self.assertTrue(self.client.ping())

    def test_nothing_is_answered_where_the_client_says_so(self) -> None:
        """CLIENT REPLY OFF and SKIP."""
        connection = self.raw()
        for command in (b"CLIENT REPLY OFF", b"SET a 1", b"CLIENT REPLY ON", b"GET a", b"CLIENT REPLY SKIP", b"SET a 2",
                        b"GET a"):  # fmt: skip
            connection.send(command + b"\r\n")
        self.assertEqual([connection.read() for _ in range(3)],
                         [Reply("+", b"OK"), Reply("$", b"1"), Reply("$", b"2")])  # fmt: skip

    def test_quit_answers_and_ends(self) -> None:
        """What was sent before it is answered."""
        connection = self.raw()
        connection.send(b"PING\r\nQUIT\r\n")
        self.assertEqual([connection.read(), connection.read()], [Reply("+", b"PONG"), Reply("+", b"OK")])
        self.assertRaises(ConnectionClosed, connection.read)

    def test_a_client_that_half_closes_gets_its_replies(self) -> None:
        """As `printf … | nc` does."""
        with socket.create_connection(self.server.address, timeout=10) as plain:
            plain.sendall(b"SET a 1\r\nGET a\r\n")
            plain.shutdown(socket.SHUT_WR)
            received = b""
            while data := plain.recv(1000):
                received += data
        self.assertEqual(received, b"+OK\r\n$1\r\n1\r\n")

    @only_godwit
    def test_what_a_node_does_not_have_is_an_unknown_command(self) -> None:
        """Lists, sets, sorted sets, streams, publishing and scripts, in Redis' words."""
        connection = self.raw()
        for words in ("LPUSH a b", "SADD a b", "ZADD a 1 b", "XADD a * f v", "PUBLISH a b", "EVAL 0 0", "PFADD a b",
                      "GEOADD a 1 1 b", "SUBSCRIBE a", "SORT a", "BLPOP a 0", "SETBIT a 1 1", "DUMP a"):  # fmt: skip
            name, *arguments = words.split()
            quoted = "".join(f"'{argument}' " for argument in arguments)
            expected = f"ERR unknown command '{name}', with args beginning with: {quoted}"
            self.assertEqual(connection.call(*words.split()), Reply("-", expected.encode()))

    @only_godwit
    def test_replication_commands_name_the_admin_command(self) -> None:
        """REPLICAOF and FAILOVER change nothing here."""
        connection = self.raw()
        for words in (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), ("FAILOVER",)):
            reply = connection.call(*words)
            assert isinstance(reply.value, bytes)
            self.assertRegex(reply.kind + reply.value.decode(), r"^-ERR .*godwit (promote|switchover|rejoin)")


if __name__ == "__main__":
    unittest.main()

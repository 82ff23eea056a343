"""The differential test itself: two redis-servers agree, and what differs is found and made short."""

from __future__ import annotations

import random
import unittest

from differ.agreement import Agreement
from differ.difference import Difference
from differ.run import Run
from differ.shrink import Shrinking
from differ.sides import Pair
from differ.state import differences, read_state
from differ.wire import Connection
from servers import RedisServer

CONNECTIONS = 4


class DifferentialTests(unittest.TestCase):
    """A test that cannot fail shows nothing, so here it has to."""

    def setUp(self) -> None:
        self.seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {self.seed}")

    def found(self, settings: dict[str, str], commands: int) -> tuple[Difference, int] | None:
        """What a run finds between a redis-server and one with other settings, and how many commands show it."""
        with RedisServer() as left, RedisServer(settings) as right:
            pair, agreement = Pair(left.address, right.address, CONNECTIONS), Agreement({})
            self.addCleanup(pair.close)
            run = Run(pair, agreement, self.seed, CONNECTIONS)
            difference = run.until_difference(commands)
            if difference is None:
                return None
            history, shown = Shrinking(pair, agreement, difference).shortest(list(run.sent))
            return shown, len(history)

    def test_two_redis_servers_agree(self) -> None:
        """Nothing in the test itself differs by chance."""
        self.assertIsNone(self.found({}, 20_000))

    def test_another_encoding_of_hashes_is_found(self) -> None:
        """A reply that differs is found, and a few commands are left of thousands."""
        found = self.found({"hash-max-listpack-value": "8"}, 100_000)
        assert found is not None
        difference, commands = found
        assert difference.command is not None
        self.assertEqual((difference.command.name, difference.left), ("OBJECT", "$'listpack'"))
        self.assertLessEqual(commands, 4)

    def test_another_error_text_is_found(self) -> None:
        """A limit that only shows in an error is found."""
        found = self.found({"databases": "12"}, 100_000)
        assert found is not None
        self.assertIn("DB index is out of range", found[0].right)
        self.assertLessEqual(found[1], 2)

    def test_a_state_that_no_reply_shows_is_found(self) -> None:
        """Contents, deadlines and absence are compared key by key."""
        with RedisServer() as left, RedisServer() as right:
            connections = [Connection(server.address) for server in (left, right)]
            for connection in connections:
                self.addCleanup(connection.close)
                connection.call("SET", "same", "1", "PXAT", "33000000000000")
                connection.call("HSET", "hash", "a", "1", "b", "2")
            self.assertEqual(differences(*map(read_state, connections)), [])
            connections[1].call("SELECT", "0")
            connections[1].call("PERSIST", "same")
            connections[1].call("HSET", "hash", "b", "3")
            connections[1].call("SELECT", "3")
            connections[1].call("SET", "stray", "x")
            texts = differences(*map(read_state, connections))
            self.assertEqual([text.split(":")[0] for text in texts],
                             ["database 0, key b'hash'", "database 0, key b'same'", "database 3, key b'stray'"])  # fmt: skip


if __name__ == "__main__":
    unittest.main()

"""Commands and transactions are atomic however many connections there are."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import redis
from node_case import NodeCase

CONNECTIONS = 16
ROUNDS = 200


class ConcurrencyTests(NodeCase):
    """Many connections on the same keys."""

    def test_no_increment_is_lost(self) -> None:
        """Single, in pipelines and in transactions."""

        def increment(_: int) -> None:
            client = self.connect()
            for round_number in range(ROUNDS):
                client.incr("number")
                client.hincrby("hash", "field", 1)
                pipeline = client.pipeline(transaction=round_number % 2 == 0)
                pipeline.incr("number").hincrby("hash", "field", 1).execute()

        self.in_parallel(increment)
        total = 2 * CONNECTIONS * ROUNDS
        self.assertEqual((int(self.client["number"]), self.client.hget("hash", "field")), (total, str(total).encode()))

    def test_read_and_write_under_watch_lose_nothing(self) -> None:
        """Each takes from one key and gives to another, again when somebody else was first; the sum stays."""
        self.client.mset({"from": CONNECTIONS * 20, "to": 0})

        def move(_: int) -> None:
            client = self.connect()
            for _ in range(20):
                while True:
                    with client.pipeline() as pipeline:
                        pipeline.watch("from", "to")
                        left, right = (int(value) for value in pipeline.mget("from", "to"))
                        pipeline.multi()
                        pipeline.mset({"from": left - 1, "to": right + 1})
                        try:
                            pipeline.execute()
                            break
                        except redis.WatchError:
                            continue

        self.in_parallel(move)
        self.assertEqual(self.client.mget("from", "to"), [b"0", str(CONNECTIONS * 20).encode()])

    def in_parallel(self, body: Callable[[int], None]) -> None:
        """Runs it on every connection's thread; what one throws is thrown here."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(body, range(CONNECTIONS)))


if __name__ == "__main__":
    unittest.main()

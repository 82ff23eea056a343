"""What was acknowledged is there after a kill."""

from __future__ import annotations

import random
import threading
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from node_case import connect, only_godwit
from servers import GodwitNode

ROUNDS = 5


@only_godwit
class DurabilityTests(unittest.TestCase):
    """A node that is killed while it is written to, and started again on the same directory."""

    def test_no_acknowledged_write_is_lost_by_a_kill(self) -> None:
        """In both modes of syncing; of a transaction all or nothing."""
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        chance = random.Random(seed)
        for mode in ("everysec", "always"):
            with self.subTest(mode), TemporaryDirectory() as directory:
                acknowledged = 0
                for _ in range(ROUNDS):
                    node = GodwitNode(directory=Path(directory), flags=["--redis-fsync", mode])
                    self.addCleanup(node.kill)
                    self.check(node, acknowledged)
                    killer = threading.Timer(chance.uniform(0.05, 0.5), node.kill)
                    killer.start()
                    acknowledged = self.write_until_killed(node, acknowledged)
                    killer.join()
                    self.assertGreater(acknowledged, 0)

    def write_until_killed(self, node: GodwitNode, count: int) -> int:
        """Counts up in transactions of a string and a hash; gives the last number that was acknowledged."""
        client = connect(self, node)
        try:
            while True:
                pipeline = client.pipeline(transaction=True)
                pipeline.set("count", count + 1).hset("hash", f"f{(count + 1) % 300}", count + 1).execute()
                count += 1
        except (redis.ConnectionError, redis.TimeoutError):
            return count

    def check(self, node: GodwitNode, acknowledged: int) -> None:
        """The count is the last acknowledged or the one that was under way, in both places."""
        client = connect(self, node)
        count = int(client.get("count") or 0)
        self.assertIn(count, (acknowledged, acknowledged + 1))
        if count:
            self.assertEqual(client.hget("hash", f"f{count % 300}"), str(count).encode())
            if count > acknowledged:
                client.set("count", acknowledged)

    def test_a_clean_stop_loses_nothing(self) -> None:
        """SIGTERM right after the last reply."""
        with TemporaryDirectory() as directory:
            with GodwitNode(directory=Path(directory)) as node:
                connect(self, node).hset("h", mapping={f"f{index}": index for index in range(1000)})
            with GodwitNode(directory=Path(directory)) as node:
                self.assertEqual(connect(self, node).hlen("h"), 1000)


if __name__ == "__main__":
    unittest.main()

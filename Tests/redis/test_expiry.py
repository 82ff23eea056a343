"""Deadlines are exact, absolute, and outlive the process."""

from __future__ import annotations

import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

from node_case import NodeCase, connect, only_godwit
from servers import GodwitNode


class ExpiryTests(NodeCase):
    """Keys that end soon."""

    def test_a_key_ends_at_its_deadline(self) -> None:
        """It is there until then and never after, for every kind of value."""
        self.client.set("string", "1")
        self.client.hset("small", "a", "1")
        self.client.hset("large", mapping={f"f{index}": "x" * 50 for index in range(1000)})
        deadline = int(time.time() * 1000) + 700
        for key in ("string", "small", "large"):
            self.assertTrue(self.client.pexpireat(key, deadline))
        reads = 0
        while True:
            before = time.time() * 1000
            there = self.client.exists("string", "small", "large")
            after = time.time() * 1000
            if after < deadline:
                self.assertEqual(there, 3)
                reads += 1
            if before >= deadline:
                self.assertEqual(there, 0)
                break
        self.assertGreater(reads, 0)
        self.assertEqual(self.client.hlen("large"), 0)
        self.assertEqual((self.client.ttl("large"), self.client.type("string")), (-2, b"none"))
        self.assertEqual(list(self.client.scan_iter()), [])

    def test_a_key_that_ended_begins_anew(self) -> None:
        """Nothing of the old value or deadline is left."""
        self.client.hset("large", mapping={f"f{index}": "x" * 50 for index in range(1000)})
        self.client.pexpire("large", 1)
        self.client.psetex("number", 1, 41)
        time.sleep(0.01)
        self.assertEqual(self.client.hset("large", "f1", "new"), 1)
        self.assertEqual((self.client.hgetall("large"), self.client.ttl("large")), ({b"f1": b"new"}, -1))
        self.assertEqual((self.client.incr("number"), self.client.ttl("number")), (1, -1))

    def test_a_watched_key_that_ended_refuses_the_transaction(self) -> None:
        """To end is to change."""
        self.client.psetex("a", 30, "1")
        pipeline = self.client.pipeline()
        pipeline.watch("a")
        time.sleep(0.05)
        pipeline.multi()
        pipeline.set("b", "1")
        with self.assertRaisesRegex(Exception, "Watched variable changed"):
            pipeline.execute()

    @only_godwit
    def test_a_deadline_outlives_a_kill(self) -> None:
        """It is absolute: time goes on while nobody runs."""
        with TemporaryDirectory() as directory:
            with GodwitNode(directory=Path(directory)) as node:
                client = connect(self, node)
                client.set("short", "1", px=1500)
                client.set("long", "1", ex=1000)
                client.hset("hash", "a", "1")
                client.pexpireat("hash", 33_000_000_000_000)
                node.kill()
            time.sleep(1.5)
            with GodwitNode(directory=Path(directory)) as node:
                client = connect(self, node)
                self.assertIsNone(client.get("short"))
                self.assertTrue(990 <= client.ttl("long") <= 1000)
                self.assertEqual(client.pexpiretime("hash"), 33_000_000_000_000)


if __name__ == "__main__":
    unittest.main()

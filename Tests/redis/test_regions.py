"""Two regions as Redis clients see them."""

from __future__ import annotations

import subprocess
import time
import unittest
from collections.abc import Callable

import redis
from node_case import connect, only_godwit
from servers import Address, GodwitNode
from servers.godwit_node import command_path


@only_godwit
class RegionTests(unittest.TestCase):
    """A primary and its follower."""

    def setUp(self) -> None:
        """Starts both."""
        self.primary = self.enterContext(GodwitNode("us-east"))
        self.follower = self.enterContext(GodwitNode("eu-west", follow=self.primary.replication))
        self.writer, self.reader = connect(self, self.primary), connect(self, self.follower)
        self.wait_until(self._follower_serves)

    def _follower_serves(self) -> bool:
        """Whether its first copy of the data has come."""
        try:
            return bool(self.reader.ping())
        except redis.exceptions.BusyLoadingError:
            return False

    def test_what_is_written_there_is_read_here(self) -> None:
        """Strings, hashes small and large, deletions, deadlines and databases."""
        large = {f"f{index}".encode(): b"x" * 50 for index in range(2000)}
        self.writer.set("string", "1", pxat=33_000_000_000_000)
        self.writer.hset("small", mapping={"a": "1", "b": "2"})
        self.writer.hset("large", mapping=large)
        self.writer.hset("renamed", mapping=large)
        self.writer.rename("renamed", "new-name")
        self.writer.set("gone", "1")
        self.writer.delete("gone")
        other = connect(self, self.primary, db=5)
        other.set("elsewhere", "5")
        other.set("last", "1")
        reader = connect(self, self.follower, db=5)
        self.wait_until(lambda: reader.get("last") == b"1")
        self.assertEqual(self.reader.pexpiretime("string"), 33_000_000_000_000)
        self.assertEqual(self.reader.hgetall("small"), {b"a": b"1", b"b": b"2"})
        self.assertEqual((self.reader.hgetall("large"), self.reader.hgetall("new-name")), (large, large))
        self.assertEqual(self.reader.exists("gone", "renamed"), 0)
        self.assertEqual(set(self.reader.scan_iter()), {b"string", b"small", b"large", b"new-name"})
        self.assertEqual(reader.get("elsewhere"), b"5")

    def test_a_key_ends_in_both_regions_at_the_same_moment(self) -> None:
        """By the deadline that was written, not by when it arrived."""
        deadline = int(time.time() * 1000) + 1500
        self.writer.hset("large", mapping={f"f{index}": "x" * 50 for index in range(2000)})
        self.writer.pexpireat("large", deadline)
        self.writer.set("string", "1", pxat=deadline)
        self.wait_until(lambda: self.reader.exists("string", "large") == 2 or time.time() * 1000 > deadline)
        while time.time() * 1000 <= deadline:
            time.sleep(0.01)
        self.assertEqual((self.writer.exists("string", "large"), self.reader.exists("string", "large")), (0, 0))

    def test_a_follower_refuses_writes(self) -> None:
        """In Redis' words, also within a transaction, and reads go on."""
        for write in (lambda: self.reader.set("a", "1"), lambda: self.reader.hset("a", "f", "1"),
                      lambda: self.reader.delete("a"), self.reader.flushall,
                      lambda: self.reader.pipeline().get("a").set("a", "1").execute()):  # fmt: skip
            with self.assertRaisesRegex(redis.exceptions.ReadOnlyError, "You can't write against a read only replica."):
                write()
        self.assertIsNone(self.reader.get("a"))

    def test_roles_are_told_as_they_are(self) -> None:
        """ROLE and INFO replication on both sides, before and after a promotion."""
        self.writer.set("a", "1")
        self.wait_until(lambda: self.reader.get("a") == b"1")
        role, offset, followers = self.writer.role()
        self.assertEqual((role, len(followers)), (b"master", 1))
        self.assertGreater(offset, 0)
        info = self.writer.info("replication")
        self.assertEqual((info["role"], info["connected_slaves"]), ("master", 1))
        kind, host, port, state, _ = self.reader.role()
        self.assertEqual((kind, Address(host.decode(), port), state), (b"slave", self.primary.replication, b"connected"))
        info = self.reader.info("replication")
        self.assertEqual((info["role"], info["master_link_status"]), ("slave", "up"))
        self.assertEqual((info["master_host"], info["master_port"]), self.primary.replication)
        self.primary.kill()
        subprocess.run([command_path(), "promote", "--admin", str(self.follower.admin)], check=True, capture_output=True)
        self.assertEqual((self.reader.role()[0], self.reader.info("replication")["role"]), (b"master", "master"))
        self.assertTrue(self.reader.set("a", "2"))

    def test_wait_counts_the_regions_that_have_it(self) -> None:
        """WAIT by what arrived, WAITAOF by what is on the disk; neither says more than is true."""
        self.writer.set("a", "1")
        self.assertEqual(self.writer.wait(1, 10_000), 1)
        self.assertEqual(self.writer.execute_command("WAITAOF", 1, 1, 10_000), [1, 1])
        self.follower.kill()
        self.writer.set("a", "2")
        begin = time.monotonic()
        self.assertEqual(self.writer.wait(1, 300), 0)
        self.assertGreaterEqual(time.monotonic() - begin, 0.29)
        self.assertEqual(self.writer.execute_command("WAITAOF", 1, 0, 2000), [1, 0])

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns when it holds; fails when it does not within half a minute."""
        deadline = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()

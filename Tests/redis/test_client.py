"""redis-py with hiredis, in both protocols."""

from __future__ import annotations

import time
import unittest

import hiredis
import redis
from node_case import NodeCase
from redis.connection import DefaultParser
from redis.utils import HIREDIS_AVAILABLE


class ClientTests(NodeCase):
    """What services do with redis-py."""

    protocol = 2

    def setUp(self) -> None:
        """A client of this protocol."""
        super().setUp()
        self.client = self.connect(protocol=self.protocol, decode_responses=True)

    def test_replies_are_read_by_hiredis(self) -> None:
        """Otherwise the suite would not show what it says."""
        self.assertTrue(HIREDIS_AVAILABLE and issubclass(hiredis.ProtocolError, hiredis.HiredisError))
        self.assertIn("hiredis", DefaultParser.__module__)

    def test_strings(self) -> None:
        """The string commands through their methods."""
        client = self.client
        self.assertTrue(client.set("a", "1"))
        self.assertIsNone(client.set("a", "2", nx=True))
        self.assertEqual(client.set("a", "2", xx=True, get=True), "1")
        self.assertEqual(client.incrby("a", 40), 42)
        self.assertEqual(client.incrbyfloat("a", "0.5"), 42.5)
        self.assertEqual(client.append("a", "!"), 5)
        self.assertEqual(client.getrange("a", -2, -1), "5!")
        self.assertEqual(client.setrange("a", 6, "x"), 7)
        self.assertEqual(client.get("a"), "42.5!\x00x")
        self.assertTrue(client.mset({"b": "1", "c": "2"}))
        self.assertEqual(client.mget("a", "b", "nothing", "c"), ["42.5!\x00x", "1", None, "2"])
        self.assertFalse(client.msetnx({"c": "3", "d": "3"}))
        self.assertEqual(client.getdel("c"), "2")
        self.assertEqual(client.exists("a", "b", "c", "d"), 2)

    def test_hashes(self) -> None:
        """The hash commands through their methods."""
        client = self.client
        self.assertEqual(client.hset("h", mapping={"a": "1", "b": "2"}), 2)
        self.assertEqual(client.hset("h", "b", "3"), 0)
        self.assertEqual(client.hgetall("h"), {"a": "1", "b": "3"})
        self.assertEqual(client.hmget("h", "b", "nothing"), ["3", None])
        self.assertEqual(client.hincrby("h", "a", 5), 6)
        self.assertEqual(client.hincrbyfloat("h", "a", 0.25), 6.25)
        self.assertEqual(client.hdel("h", "a", "nothing"), 1)
        self.assertEqual((client.hlen("h"), client.hkeys("h"), client.hvals("h")), (1, ["b"], ["3"]))
        self.assertEqual(client.hrandfield("h", 2, withvalues=True), [["b", "3"]] if self.protocol == 3 else ["b", "3"])
        self.assertEqual(client.hdel("h", "b"), 1)
        self.assertEqual(client.type("h"), "none")

    def test_a_hash_that_grows_large_stays_the_same(self) -> None:
        """Ten thousand fields, some deleted, read every way; then the key is gone at once."""
        expected = {f"field-{index}": f"value-{index}" for index in range(10_000)}
        fields = list(expected)
        for start in range(0, len(fields), 1000):
            part = {field: expected[field] for field in fields[start : start + 1000]}
            self.assertEqual(self.client.hset("h", mapping=part), 1000)
        self.assertEqual(self.client.hdel("h", *fields[::3]), len(fields[::3]))
        left = {field: value for index, (field, value) in enumerate(expected.items()) if index % 3}
        self.assertEqual(self.client.hlen("h"), len(left))
        self.assertEqual(self.client.hgetall("h"), left)
        self.assertEqual(dict(self.client.hscan_iter("h", count=100)), left)
        self.assertEqual(self.client.hmget("h", "field-1", "field-3"), ["value-1", None])
        self.client.rename("h", "renamed")
        self.assertEqual(self.client.hlen("renamed"), len(left))
        self.client.set("renamed", "a string now")
        self.assertEqual(list(self.client.scan_iter()), ["renamed"])
        self.assertEqual(self.client.hset("h", "a", "b"), 1)
        self.assertEqual(self.client.hgetall("h"), {"a": "b"})

    def test_a_pipeline_answers_each_command_in_order(self) -> None:
        """Ten thousand commands in one packet, an error among them."""
        pipeline = self.client.pipeline(transaction=False)
        for index in range(5000):
            pipeline.set(f"k{index}", index)
            pipeline.get(f"k{index}")
        pipeline.hget("k1", "field")
        replies = pipeline.execute(raise_on_error=False)
        self.assertEqual(replies[:-1], [answer for index in range(5000) for answer in (True, str(index))])
        self.assertRegex(str(replies[-1]), "^WRONGTYPE ")

    def test_a_transaction_is_all_or_nothing_to_others(self) -> None:
        """EXEC answers each command; what is refused when queued refuses all."""
        pipeline = self.client.pipeline(transaction=True)
        self.assertEqual(pipeline.set("a", "1").incr("a").hset("h", "f", "v").execute(), [True, 2, 1])
        raw = self.connect().connection_pool.get_connection()
        for command in (("MULTI",), ("SET", "a", "9"), ("GET",), ("EXEC",)):
            raw.send_command(*command)
        self.assertEqual([raw.read_response(), raw.read_response()], [b"OK", b"QUEUED"])
        with self.assertRaisesRegex(redis.ResponseError, "wrong number of arguments for 'get' command"):
            raw.read_response()
        with self.assertRaisesRegex(redis.exceptions.ExecAbortError, "previous errors"):
            raw.read_response()
        raw.disconnect()
        self.assertEqual(self.client.get("a"), "2")

    def test_a_watched_key_that_changed_refuses_the_transaction(self) -> None:
        """By another connection's write, and by another key not at all."""
        other = self.connect()
        with self.client.pipeline() as pipeline:
            pipeline.watch("a")
            other.set("b", "1")
            pipeline.multi()
            self.assertEqual(pipeline.set("c", "1").execute(), [True])
            pipeline.watch("a")
            other.set("a", "1")
            pipeline.multi()
            with self.assertRaises(redis.WatchError):
                pipeline.set("c", "2").execute()
        self.assertEqual(self.client.get("c"), "1")

    def test_databases_are_apart(self) -> None:
        """What is written in one is not in another, until copied."""
        other = self.connect(db=3, protocol=self.protocol, decode_responses=True)
        self.client.set("a", "zero")
        self.assertIsNone(other.get("a"))
        self.assertTrue(self.client.copy("a", "a", destination_db=3))
        other.append("a", "!")
        self.assertEqual((self.client.get("a"), other.get("a")), ("zero", "zero!"))
        other.flushdb()
        self.assertEqual((self.client.get("a"), other.get("a")), ("zero", None))

    def test_errors_are_those_that_clients_know(self) -> None:
        """redis-py turns Redis' own texts into types."""
        self.client.set("a", "x")
        with self.assertRaisesRegex(redis.ResponseError, "^WRONGTYPE Operation against a key holding the wrong kind"):
            self.client.hget("a", "f")
        with self.assertRaisesRegex(redis.ResponseError, "^value is not an integer or out of range$"):
            self.client.incr("a")
        with self.assertRaises(redis.exceptions.AuthenticationError):
            self.connect(username="nobody", password="wrong").ping()

    def test_information_is_what_clients_parse(self) -> None:
        """INFO, CONFIG, CLIENT, COMMAND, TIME, ROLE and SLOWLOG through redis-py's parsers."""
        client = self.client
        info = client.info()
        self.assertEqual((info["role"], info["redis_mode"]), ("master", "standalone"))
        self.assertGreater(info["connected_clients"], 0)
        client.set("a", "1")
        self.assertGreater(client.info("keyspace")["db0"]["keys"], 0)
        self.assertEqual(client.config_get("appendfsync"), {"appendfsync": "everysec"})
        self.assertTrue(client.client_setname("me"))
        self.assertEqual(client.client_getname(), "me")
        mine = [entry for entry in client.client_list() if entry["name"] == "me"]
        self.assertEqual((len(mine), mine[0]["db"], mine[0]["user"]), (1, "0", "default"))
        self.assertEqual(int(mine[0]["id"]), client.client_id())
        self.assertEqual(client.command_count(), len(client.command()))
        self.assertAlmostEqual(client.time()[0], time.time(), delta=5)
        self.assertEqual(client.role()[0], "master")
        self.assertEqual(client.acl_whoami(), "default")
        self.assertIsInstance(client.slowlog_get(), list)
        self.assertEqual(client.wait(0, 10), 0)


class ThirdProtocolTests(ClientTests):
    """The same in RESP3."""

    protocol = 3


if __name__ == "__main__":
    unittest.main()

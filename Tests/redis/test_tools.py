"""redis-cli and redis-benchmark as Debian ships them."""

from __future__ import annotations

import subprocess
import unittest

from node_case import NodeCase


class ToolTests(NodeCase):
    """The programs that operators have at hand."""

    def run_tool(self, *command: str, given: str = "") -> str:
        """Runs a program against the node; it has to end well."""
        where = ["-h", self.server.address.host, "-p", str(self.server.address.port)]
        done = subprocess.run(
            [command[0], *where, *command[1:]], input=given, capture_output=True, text=True, timeout=120, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_redis_cli_reads_and_writes(self) -> None:
        """Commands as arguments and from standard input, in both protocols."""
        self.assertEqual(self.run_tool("redis-cli", "SET", "plane/N14228", "111 flights"), "OK\n")
        self.assertEqual(self.run_tool("redis-cli", "-3", "GET", "plane/N14228"), "111 flights\n")
        output = self.run_tool("redis-cli", given='hset h a 1 b "two words"\nhgetall h\nget nothing\nhget plane/N14228 x\n')
        self.assertEqual(
            output.splitlines(),
            ["2", "a", "1", "b", "two words", "", "WRONGTYPE Operation against a key holding the wrong kind of value", ""],
        )
        self.assertEqual(self.run_tool("redis-cli", "-n", "2", "EXISTS", "h"), "0\n")

    def test_redis_cli_looks_over_all_keys(self) -> None:
        """--scan, --bigkeys and --stat's INFO read what they know of Redis."""
        self.client.mset({f"plane/{index}": "x" * index for index in range(500)})
        self.client.hset("route", mapping={f"field{index}": "1" for index in range(300)})
        found = self.run_tool("redis-cli", "--scan", "--pattern", "plane/*").split()
        self.assertEqual(sorted(found), sorted(f"plane/{index}" for index in range(500)))
        report = self.run_tool("redis-cli", "--bigkeys")
        self.assertIn('Biggest   hash found \'"route"\' has 300 fields', report)
        self.assertIn('Biggest string found \'"plane/499"\' has 499 bytes', report)

    def test_redis_cli_pipes(self) -> None:
        """--pipe, which ends by an ECHO of its own."""
        commands = "".join(f"*3\r\n$3\r\nSET\r\n$5\r\nk{index:04}\r\n$1\r\n1\r\n" for index in range(5000))
        self.assertIn("errors: 0, replies: 5000", self.run_tool("redis-cli", "--pipe", given=commands))
        self.assertEqual(len(set(self.client.scan_iter(count=1000))), 5000)

    def test_redis_benchmark_runs(self) -> None:
        """Its own tests of what a node has, and commands of ours, with and without pipelining."""
        for options in (["-P", "1"], ["-P", "16"]):
            tests = ["-t", "ping,set,get,incr,hset,mset", "-n", "5000", "-c", "20", "-r", "1000", "--csv"]
            lines = self.run_tool("redis-benchmark", *options, *tests).splitlines()
            names = [line.split('"')[1] for line in lines[1:]]
            self.assertEqual(names, ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "HSET", "MSET (10 keys)"])
        line = self.run_tool(
            "redis-benchmark", "-n", "5000", "-r", "100", "--csv", "hset", "h:__rand_int__", "a", "1", "b", "2"
        ).splitlines()[1]
        self.assertGreater(float(line.split('","')[1]), 0)
        self.assertGreater(self.client.hlen("h:000000000001"), 0)


if __name__ == "__main__":
    unittest.main()

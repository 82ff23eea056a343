"""The node's /metrics: well formed by Prometheus' own judgement, and true."""

from __future__ import annotations

import subprocess
import unittest
import urllib.request

import redis
from node_case import connect, only_godwit
from servers import GodwitNode


@only_godwit
class MetricsTests(unittest.TestCase):
    """A primary with a follower, so that all figures are there."""

    def test_promtool_finds_nothing_to_say(self) -> None:
        """Neither of the format nor of names and units."""
        with GodwitNode("us-east") as primary, GodwitNode("eu-west", follow=primary.replication) as follower:
            client = connect(self, primary)
            client.set("a", "1")
            self.assertEqual(client.wait(1, 20_000), 1)
            for node in (primary, follower):
                text = metrics(node)
                done = subprocess.run(
                    ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
                )
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_figures_are_what_was_done(self) -> None:
        """Commands, failures, connections and a histogram that adds up."""
        with GodwitNode() as node:
            client = connect(self, node)
            for _ in range(10):
                client.set("a", "x")
            self.assertRaises(redis.ResponseError, client.incr, "a")
            figures = read(metrics(node))
            self.assertEqual(figures['godwit_redis_command_seconds_count{command="set"}'], 10)
            self.assertEqual(figures['godwit_redis_command_seconds_bucket{command="set",le="+Inf"}'], 10)
            self.assertGreater(figures['godwit_redis_command_seconds_sum{command="set"}'], 0)
            self.assertEqual(figures['godwit_redis_commands_failed_total{command="incrby"}'], 1)
            self.assertEqual(figures["godwit_redis_connections"], 1)
            for name in ("memory_bytes", "log_bytes", "compaction_debt_bytes", 'cache_hits_total{kind="data"}'):
                self.assertIn(f"godwit_{name}", figures)


def metrics(node: GodwitNode) -> str:
    """What a scrape gets."""
    with urllib.request.urlopen(f"http://{node.admin}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def read(text: str) -> dict[str, float]:
    """The figures by name and labels."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


if __name__ == "__main__":
    unittest.main()

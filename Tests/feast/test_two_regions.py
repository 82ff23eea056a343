"""Feast on two regions: the follower serves what was materialized, and goes on after a promotion."""

from __future__ import annotations

import subprocess
import time
import unittest
from collections.abc import Callable
from datetime import datetime, timezone

import pandas
import redis
from flights_fixture import last_flights
from reading import read_features
from repository import Repository
from servers import GodwitNode
from servers.godwit_node import command_path

#: A follower on the same machine is behind by less.
CATCHES_UP = 30


class RegionTests(unittest.TestCase):
    """Two nodes and one repository."""

    def test_the_follower_serves_and_goes_on_after_a_promotion(self) -> None:
        """Nothing in the repository changes but the address."""
        expected = last_flights()
        with GodwitNode("us-east") as primary, GodwitNode("eu-west", follow=primary.replication) as follower:
            repository = Repository(primary.address)
            self.addCleanup(repository.remove)
            repository.apply()
            repository.materialize()

            repository.address = follower.address
            self.wait_until(lambda: read_features(repository.store(), list(expected)) == expected)
            client = redis.Redis(host=follower.address.host, port=follower.address.port)
            self.addCleanup(client.close)
            with self.assertRaisesRegex(redis.exceptions.ReadOnlyError, "You can't write against a read only replica"):
                client.hset("a", "b", "c")

            primary.kill()
            subprocess.run([command_path(), "promote", "--admin", str(follower.admin)], check=True, capture_output=True)
            self.assertEqual(read_features(repository.store(), list(expected)), expected)
            row = {
                "tailnum": "N14228", "dep_delay": 7.0, "arr_delay": -3.0,
                "event_timestamp": datetime(2013, 3, 1, tzinfo=timezone.utc),
            }  # fmt: skip
            repository.store().write_to_online_store("delays", df=pandas.DataFrame([row]))
            found = read_features(repository.store(), ["N14228"])["N14228"]
            self.assertEqual(found, expected["N14228"] | {"dep_delay": 7.0, "arr_delay": -3.0})
            repository.materialize()
            others = [tail for tail in expected if tail != "N14228"]
            self.assertEqual(read_features(repository.store(), others), {tail: expected[tail] for tail in others})

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns when it holds; fails when it does not in time."""
        deadline = time.monotonic() + CATCHES_UP
        while not condition():
            self.assertLess(time.monotonic(), deadline, "the follower does not have the features")
            time.sleep(0.2)


if __name__ == "__main__":
    unittest.main()

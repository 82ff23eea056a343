"""Feast on a node: what was materialized is served, deleted, and forgotten after its time."""

from __future__ import annotations

import os
import time
import unittest
from datetime import datetime, timezone
from typing import ClassVar

import pandas
import redis
from flights_fixture import last_flights
from reading import read_features
from repository import Repository
from servers import Server, start

#: `redis` to see whether a failure is Feast's own.
SERVER = os.environ.get("FEAST_SERVER", "godwit")


class FeatureTests(unittest.TestCase):
    """One node, one repository, materialized once; tests run in the order of their names and say what they leave."""

    server: ClassVar[Server]
    repository: ClassVar[Repository]
    client: ClassVar[redis.Redis]

    @classmethod
    def setUpClass(cls) -> None:
        """Starts a node, applies and materializes."""
        cls.server = start(SERVER)
        cls.addClassCleanup(cls.server.stop)
        cls.client = redis.Redis(host=cls.server.address.host, port=cls.server.address.port)
        cls.addClassCleanup(cls.client.close)
        cls.repository = Repository(cls.server.address)
        cls.addClassCleanup(cls.repository.remove)
        cls.repository.apply()
        cls.repository.materialize()

    def keys(self) -> list[bytes]:
        """All keys of the node."""
        return list(self.client.scan_iter(count=1000))

    def test_1_every_aircraft_has_its_last_flight(self) -> None:
        """All features of all aircraft, by hundreds, are what the CSV says."""
        self.assertEqual(read_features(self.repository.store(), list(last_flights())), last_flights())

    def test_2_an_unknown_aircraft_has_no_features(self) -> None:
        """Absent is absent, beside others that are there."""
        found = read_features(self.repository.store(), ["N14228", "NOSUCH"])
        self.assertEqual(set(found["NOSUCH"].values()), {None})
        self.assertEqual(found["N14228"], last_flights()["N14228"])

    def test_3_a_newer_row_replaces_and_an_older_one_does_not(self) -> None:
        """Feast compares what it reads with what it writes; leaves one aircraft changed."""
        store = self.repository.store()
        for year, expected in ((2014, "SEA"), (2012, "SEA")):
            row = {
                "tailnum": "N14228", "carrier": "UA", "last_origin": "EWR", "flights": 1, "distance": 2402,
                "last_dest": expected if year == 2014 else "BOS",
                "event_timestamp": datetime(year, 1, 1, tzinfo=timezone.utc),
            }  # fmt: skip
            store.write_to_online_store("last_flight", df=pandas.DataFrame([row]))
            self.assertEqual(read_features(store, ["N14228"])["N14228"]["last_dest"], expected)

    def test_4_a_view_that_is_taken_out_is_deleted(self) -> None:
        """Only its fields go: another view's of the same aircraft stay."""
        before = self.keys()
        fields = sum(self.client.hlen(key) for key in before)
        self.repository.take_out_view("delays")
        self.repository.apply()
        self.assertEqual(sorted(self.keys()), sorted(before))
        aircraft = len(last_flights())
        # Two features and the view's time.
        self.assertEqual(fields - sum(self.client.hlen(key) for key in before), 3 * aircraft)
        found = read_features(self.repository.store(), ["N24211"], views=("last_flight",))["N24211"]
        self.assertEqual(found["last_dest"], last_flights()["N24211"]["last_dest"])

    def test_5_features_with_a_time_to_live_end(self) -> None:
        """`key_ttl_seconds` is EXPIRE; leaves the repository with it."""
        self.repository.change("feature_store.yaml", "type: redis\n", "type: redis\n  key_ttl_seconds: 2\n")
        store = self.repository.store()
        row = {
            "tailnum": "SHORT", "carrier": "UA", "last_origin": "EWR", "last_dest": "SEA", "flights": 1, "distance": 2402,
            "event_timestamp": datetime(2013, 1, 31, tzinfo=timezone.utc),
        }  # fmt: skip
        store.write_to_online_store("last_flight", df=pandas.DataFrame([row]))
        written = time.monotonic()
        found = read_features(store, ["SHORT"], views=("last_flight",))["SHORT"]
        # A machine that is too slow to read it in time says nothing about the node.
        if time.monotonic() - written < 2:
            self.assertEqual(found["last_dest"], "SEA")
        time.sleep(2.1)
        found = read_features(store, ["SHORT"], views=("last_flight",))["SHORT"]
        self.assertEqual(set(found.values()), {None})

    def test_6_teardown_leaves_nothing(self) -> None:
        """`feast teardown` removes every key of the repository and no other."""
        self.client.set("other", "1")
        self.repository.run("feast", "teardown")
        self.assertEqual(self.keys(), [b"other"])


if __name__ == "__main__":
    unittest.main()

"""`redis-feast-100`: Feast's get_online_features of 100 aircraft on both sides."""

from __future__ import annotations

import time
from statistics import median

from feast import FeatureStore
from flights_fixture import last_flights
from report import Report, Row
from repository import Repository
from rounds import Rounds
from servers import Server

FEATURES = ["last_flight:carrier", "last_flight:last_origin", "last_flight:last_dest", "last_flight:distance",
            "last_flight:flights", "delays:dep_delay", "delays:arr_delay"]  # fmt: skip
CALLS = 20


class Reader:
    """Times calls on one server; the aircraft change from call to call."""

    def __init__(self, server: Server) -> None:
        self.repository = Repository(server.address)
        self.repository.apply()
        self.repository.materialize()
        self._store: FeatureStore = self.repository.store()
        self._aircraft = sorted(last_flights())
        self._at = 0

    def __call__(self) -> float:
        """The median of some calls, in milliseconds."""
        times = []
        for _ in range(CALLS):
            tails = [self._aircraft[(self._at + index) % len(self._aircraft)] for index in range(100)]
            self._at += 100
            begin = time.perf_counter()
            self._store.get_online_features(features=FEATURES, entity_rows=[{"tailnum": tail} for tail in tails])
            times.append(time.perf_counter() - begin)
        return median(times) * 1000


def run(report: Report, godwit: Server, peer: Server, rounds: int) -> None:
    """The row."""
    readers = [Reader(server) for server in (godwit, peer)]
    try:
        report.add(Row("redis-feast-100", Rounds.measure(rounds, *readers), unit="ms", target=1))
    finally:
        for reader in readers:
            reader.repository.remove()

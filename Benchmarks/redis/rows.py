"""The rows beside redis-server: rates by redis-benchmark where it can, latencies by redis-load."""

from __future__ import annotations

from dataclasses import dataclass

import data
from load import Outcome, redis_benchmark, redis_load
from report import Report, Row
from rounds import Rounds
from servers import Server


@dataclass(frozen=True)
class Workload:
    """A command, how it is sent, and the ratio to reach."""

    name: str
    words: list[str]
    pipeline: int
    target: float
    keys: int = data.KEYS
    value_size: int = data.VALUE_SIZE
    #: Whether redis-benchmark sends it too; it has one random number for all places of a request.
    by_redis_benchmark: bool = False


WORKLOADS = [
    Workload("redis-get/P1", ["GET", "key:{key}"], 1, 1, by_redis_benchmark=True),
    Workload("redis-get/P16", ["GET", "key:{key}"], 16, 1.3, by_redis_benchmark=True),
    Workload("redis-mget-100", ["MGET", *["key:{key}"] * 100], 1, 1.3),
    Workload("redis-hmget-20", ["HMGET", "hash:{key}", *data.FIELDS], 16, 1, data.HASHES, data.FIELD_SIZE),
    Workload("redis-set/P1", ["SET", "key:{key}", "{value}"], 1, 1, by_redis_benchmark=True),
    Workload("redis-set/P16", ["SET", "key:{key}", "{value}"], 16, 1.3, by_redis_benchmark=True),
    Workload("redis-incr", ["INCR", "number:{key}"], 16, 1, by_redis_benchmark=True),
    Workload("redis-hset-20", ["HSET", "hash:{key}", *(word for field in data.FIELDS for word in (field, "{value}"))], 16, 1,
             data.HASHES, data.FIELD_SIZE),
]  # fmt: skip


def measure(workload: Workload, godwit: Server, peer: Server, rounds: int, seconds: float) -> Row:
    """Rates in turns; then latencies of a run of each side in turns, the better of two."""
    rates = [Rate(workload, server, seconds) for server in (godwit, peer)]
    measured = Rounds.measure(rounds, *rates)
    latencies = [min((_own(workload, server, seconds) for _ in range(2)), key=lambda run: run.latencies.p99)
                 for server in (godwit, peer)]  # fmt: skip
    return Row(workload.name, measured, target=workload.target, godwit_latencies=latencies[0].latencies,
               peer_latencies=latencies[1].latencies)  # fmt: skip


class Rate:
    """A run's rate; redis-benchmark is told how many requests, so that it takes about as long as is wanted."""

    def __init__(self, workload: Workload, server: Server, seconds: float) -> None:
        self._workload, self._server, self._seconds = workload, server, seconds
        self._requests = 0

    def __call__(self) -> float:
        workload = self._workload
        if not workload.by_redis_benchmark:
            return _own(workload, self._server, self._seconds).per_second
        if not self._requests:
            self._requests = int(_own(workload, self._server, 1).per_second * self._seconds)
        value = "x" * workload.value_size
        words = [word.replace("{key}", "__rand_int__").replace("{value}", value) for word in workload.words]
        return redis_benchmark(self._server.address, words, self._requests, workload.keys, workload.pipeline)


def _own(workload: Workload, server: Server, seconds: float) -> Outcome:
    return redis_load(server.address, workload.words, seconds=seconds, pipeline=workload.pipeline, keys=workload.keys,
                      value_size=workload.value_size)  # fmt: skip


def run(report: Report, godwit: Server, peer: Server, only: str, rounds: int, seconds: float) -> None:
    """All rows whose name begins so."""
    for workload in WORKLOADS:
        if workload.name.startswith(only):
            report.add(measure(workload, godwit, peer, rounds, seconds))

"""More work than a node can do: what it still gets done, beside its own best. The node on one core, the load on another.

The peer of these rows is the node itself at its peak; they are reached at 0.9 of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import data
from load import Outcome, redis_load
from report import Report, Row
from rounds import Rounds
from servers import GodwitNode

NODE_CPU, LOAD_CPU = 0, 1
TARGET = 0.9
CONNECTIONS, PIPELINE = 200, 16
#: Ten times the memory that the node may use.
COLD_KEYS, MEMORY = 4_000_000, "48MiB"


def run(report: Report, only: str, rounds: int, seconds: float) -> None:
    """All rows whose name begins so."""
    rows: dict[str, Callable[[Report, int, float], None]] = {
        "redis-overload/cold-reads": cold_reads,
        "redis-overload/synced-writes": synced_writes,
        "redis-overload/connections": connections,
    }
    for name, row in rows.items():
        if name.startswith(only):
            row(report, rounds, seconds)


def pinned(*flags: str) -> GodwitNode:
    """A node on one core."""
    node = GodwitNode(flags=list(flags))
    for thread in os.listdir(f"/proc/{node.pid}/task"):
        os.sched_setaffinity(int(thread), {NODE_CPU})
    return node


def cold_reads(report: Report, rounds: int, seconds: float) -> None:
    """Reads of data ten times the memory, at three times the rate that the node reaches."""
    with pinned("--memory", MEMORY) as node:
        data.write_strings(node.address, COLD_KEYS)
        three_times(report, "redis-overload/cold-reads", node, ["GET", "key:{key}"], COLD_KEYS, rounds, seconds)


def synced_writes(report: Report, rounds: int, seconds: float) -> None:
    """Writes that wait for the disk, the same way."""
    with pinned("--redis-fsync", "always") as node:
        words = ["SET", "key:{key}", "{value}"]
        three_times(report, "redis-overload/synced-writes", node, words, data.KEYS, rounds, seconds)


def three_times(
    report: Report, name: str, node: GodwitNode, words: list[str], keys: int, rounds: int, seconds: float
) -> None:
    """The peak in a closed loop that keeps the node busy, then an open loop at three times that."""
    best: list[Outcome] = []
    over: list[Outcome] = []

    def peak() -> float:
        best.append(redis_load(node.address, words, LOAD_CPU, seconds=seconds, connections=CONNECTIONS,
                               pipeline=PIPELINE, keys=keys))  # fmt: skip
        return best[-1].per_second

    def overload() -> float:
        rate = 3 * max(outcome.per_second for outcome in best)
        over.append(redis_load(node.address, words, LOAD_CPU, seconds=seconds, connections=CONNECTIONS, keys=keys, rate=rate))
        return over[-1].per_second

    peak()
    measured = Rounds.measure(rounds, overload, peak)
    refused = sum(outcome.refusals for outcome in over) / max(sum(outcome.requests for outcome in over), 1)
    report.add(Row(name, measured, peer="itself", target=TARGET, godwit_latencies=over[-1].latencies,
                   peer_latencies=best[-1].latencies))  # fmt: skip
    print(f"    refused {refused:.0%} of the requests")


def connections(report: Report, rounds: int, seconds: float) -> None:
    """Cached reads by three times the connections that saturate the node."""
    words = ["GET", "key:{key}"]
    with pinned() as node:
        data.write_strings(node.address)
        runs: dict[int, Outcome] = {}

        def by(count: int) -> Callable[[], float]:
            def measure() -> float:
                runs[count] = redis_load(node.address, words, LOAD_CPU, seconds=seconds, connections=count,
                                         pipeline=PIPELINE)  # fmt: skip
                return runs[count].per_second

            return measure

        measured = Rounds.measure(rounds, by(150), by(50))
        report.add(Row("redis-overload/connections", measured, peer="itself", target=TARGET,
                       godwit_latencies=runs[150].latencies, peer_latencies=runs[50].latencies))  # fmt: skip

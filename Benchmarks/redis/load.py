"""Runs the programs that put load on a server: redis-benchmark and our own redis-load."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from report import Latencies
from servers import Address

ROOT = Path(__file__).resolve().parents[2]
#: What `swift build --scratch-path .build-bench` made.
REDIS_LOAD = os.environ.get("REDIS_LOAD", str(ROOT / ".build-bench/release/redis-load"))


@dataclass(frozen=True)
class Outcome:
    """What redis-load says."""

    per_second: float
    requests: int
    answers: int
    refusals: int
    errors: int
    latencies: Latencies


def redis_load(address: Address, words: list[str], cpu: int | None = None, **options: object) -> Outcome:
    """One run of redis-load; options as its flags with underscores. An error reply of the server is a failure."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
    command = [*pinned, REDIS_LOAD, f"--server={address}", *flags, "--", *words]
    fields = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if fields["errors"]:
        raise RuntimeError(f"{fields['errors']} replies to {words[0]} were errors")
    return Outcome(
        fields["perSecond"], fields["requests"], fields["answers"], fields["refusals"], fields["errors"],
        Latencies(fields["p50ns"], fields["p99ns"], fields["p999ns"], fields["maxns"]),
    )  # fmt: skip


def redis_benchmark(address: Address, words: list[str], requests: int, keys: int, pipeline: int) -> float:
    """Requests a second of one run of redis-benchmark; `__rand_int__` in a word is a random key's number."""
    command = ["redis-benchmark", "-h", address.host, "-p", str(address.port), "-n", str(requests), "-r", str(keys),
               "-P", str(pipeline), "-c", "50", "--csv", *words]  # fmt: skip
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = list(csv.DictReader(line for line in output.splitlines() if line.startswith('"')))
    return float(rows[0]["rps"])

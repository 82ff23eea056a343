"""Godwit's Redis listener beside redis-server, both with a log that is synced every second.

    bench.py [--json FILE] [--only NAME] [--rounds N] [--seconds N]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import data
import feast_row
import overload
import rows
from report import Report
from servers import GodwitNode, RedisServer

#: What the log costs is part of what is compared.
LOGGED = {"appendonly": "yes", "appendfsync": "everysec"}


def main() -> None:
    """Starts both, fills both, and measures in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="redis-", help="rows whose name begins so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    report = Report(options.json)
    chosen = [workload for workload in rows.WORKLOADS if workload.name.startswith(options.only)]
    has_feast = "redis-feast-100".startswith(options.only)
    if chosen or has_feast:
        with GodwitNode(flags=["--memory", "1GiB"]) as godwit, RedisServer(LOGGED) as peer:
            if has_feast:
                feast_row.run(report, godwit, peer, options.rounds)
            if chosen:
                for server in (godwit, peer):
                    data.write_strings(server.address)
                    data.write_hashes(server.address)
                rows.run(report, godwit, peer, options.only, options.rounds, options.seconds)
    overload.run(report, options.only, options.rounds, options.seconds)


if __name__ == "__main__":
    main()

"""Sends the same random commands to redis-server and to a Godwit node and compares every reply, type and error text.

    differential.py [--commands N] [--seed N] [--left SERVER] [--right SERVER] [--all] [--skip NAMES]

SERVER is `redis`, `godwit`, or HOST:PORT of one that runs. Ends with 1 when something differs, and prints the shortest
history found that leads to it. With --all it goes on, and prints each kind of difference once. --skip leaves out
commands, separated by commas.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from differ.agreement import Agreement
from differ.difference import Difference
from differ.known import agreements
from differ.run import Run
from differ.shrink import Shrinking
from differ.sides import Pair
from servers import start

CONNECTIONS = 4


def main() -> int:
    """Runs until the commands are done or something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--left", default="redis")
    parser.add_argument("--right", default="godwit")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--skip", default="")
    options = parser.parse_args()
    print(f"seed {options.seed}: {options.left} beside {options.right}", flush=True)
    begin = time.monotonic()
    with start(options.left) as left, start(options.right) as right:
        pair = Pair(left.address, right.address, CONNECTIONS)
        agreement = Agreement(agreements())
        run = Run(pair, agreement, options.seed, CONNECTIONS, frozenset(options.skip.split(",")))
        seen: set[str] = set()
        try:
            while run.commands < options.commands:
                difference = run.until_difference(options.commands)
                if difference is None:
                    break
                if difference.signature not in seen:
                    seen.add(difference.signature)
                    report(run, Shrinking(pair, agreement, difference), difference)
                if not options.all:
                    break
                run.restart()
        finally:
            pair.close()
    elapsed = time.monotonic() - begin
    refused = f", {run.refused} times refused for overload or length" if run.refused else ""
    print(f"{run.commands:,} commands in {elapsed:.0f} s, {len(seen)} kinds of difference, seed {options.seed}{refused}")
    return 1 if seen else 0


def report(run: Run, shrinking: Shrinking, difference: Difference) -> None:
    """Prints a difference and the shortest history found that shows it."""
    print(f"\nafter {run.commands:,} commands: {difference}")
    history, shown = shrinking.shortest(list(run.sent))
    lines = [f"  {batch.connection}> {command}" for batch in history for command in batch.commands]
    print(f"shortest history found, {len(lines)} commands:", *lines[-60:], f"then: {shown}", sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())

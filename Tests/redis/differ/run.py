"""A seeded run: batches drawn and compared until something differs."""

from __future__ import annotations

import random

from differ.agreement import Agreement
from differ.command import Batch
from differ.difference import Difference
from differ.grammar import Drawing
from differ.sides import Pair
from differ.state import differences, read_state

#: After so many commands both servers are emptied, so that what led to a difference stays short.
EPOCH = 5000
#: After so many commands the whole state is compared.
STATE_EVERY = 1000
#: The machine was too busy, or a key or field too long for the engine: docs/redis.md has both.
REFUSALS = ("BUSY overloaded, retry", "bytes in Godwit, a hash's field")


class Run:
    """Draws, sends and compares; remembers what was sent since both servers were empty."""

    def __init__(
        self, pair: Pair, agreement: Agreement, seed: int, connections: int, skipped: frozenset[str] = frozenset()
    ) -> None:
        self._pair = pair
        self._agreement = agreement
        self._drawing = Drawing(random.Random(seed), connections, skipped)
        self.sent: list[Batch] = []
        self.commands = 0
        #: Batches that the node refused for what it says of itself; both sides begin anew after each.
        self.refused = 0
        self._since_reset = EPOCH
        self._since_state = 0

    def until_difference(self, commands: int) -> Difference | None:
        """Goes on until so many commands were sent in all or something differs."""
        while self.commands < commands:
            if self._since_reset >= EPOCH:
                self.restart()
            batch = self._drawing.batch()
            self.sent.append(batch)
            self.commands += len(batch.commands)
            self._since_reset += len(batch.commands)
            self._since_state += len(batch.commands)
            difference = compare(self._pair, self._agreement, batch)
            if difference is not None and any(text in str(difference) for text in REFUSALS):
                self.refused += 1
                self.restart()
                continue
            if difference is None and self._since_state >= STATE_EVERY:
                self._since_state = 0
                difference = compare_states(self._pair)
            if difference is not None:
                return difference
        return compare_states(self._pair)

    def restart(self) -> None:
        """Both servers empty."""
        self._pair.reset()
        self.sent.clear()
        self._since_reset = 0


def compare(pair: Pair, agreement: Agreement, batch: Batch) -> Difference | None:
    """The first difference between the replies to a batch."""
    for command, left, right in pair.run(batch):
        if not agreement(command, left, right):
            return Difference.of_replies(command, left, right)
    return None


def compare_states(pair: Pair) -> Difference | None:
    """The differences between the states."""
    states = []
    for side in pair.sides:
        assert side.control is not None
        states.append(read_state(side.control))
    texts = differences(*states)
    return Difference.of_states(texts) if texts else None


def singles(batches: list[Batch]) -> list[Batch]:
    """Each command as a batch of its own."""
    return [Batch(batch.connection, (command,)) for batch in batches for command in batch.commands]



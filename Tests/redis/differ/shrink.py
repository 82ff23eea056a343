"""Makes what led to a difference short: leaves out as many batches as may be, as long as it still differs alike."""

from __future__ import annotations

import time

from differ.agreement import Agreement
from differ.command import Batch
from differ.difference import Difference
from differ.run import compare, compare_states, singles
from differ.sides import Pair

SECONDS = 60


class Shrinking:
    """Replays parts of a history on both servers, emptied before each."""

    def __init__(self, pair: Pair, agreement: Agreement, difference: Difference) -> None:
        self._pair = pair
        self._agreement = agreement
        self._wanted = difference
        self._deadline = time.monotonic() + SECONDS

    def shortest(self, history: list[Batch]) -> tuple[list[Batch], Difference]:
        """The shortest history found in the time there is, and what differs after it; the whole one when a replay shows
        nothing, since then the order of events in the servers mattered."""
        best = self._shown(singles(history)) or self._shown(history)
        if best is None:
            return history, self._wanted
        size = len(best[0]) // 2
        while size > 0 and time.monotonic() < self._deadline:
            start, found = 0, False
            while start < len(best[0]) and time.monotonic() < self._deadline:
                shorter = self._shown(best[0][:start] + best[0][start + size :])
                if shorter is None:
                    start += size
                else:
                    best, found = shorter, True
            size = size if found and size == 1 else size // 2
        return best

    def _shown(self, history: list[Batch]) -> tuple[list[Batch], Difference] | None:
        """The history up to where it differs as wanted."""
        self._pair.reset()
        for index, batch in enumerate(history):
            difference = compare(self._pair, self._agreement, batch)
            if difference is not None:
                alike = difference.signature == self._wanted.signature
                return (history[: index + 1], difference) if alike else None
        difference = compare_states(self._pair)
        alike = difference is not None and difference.signature == self._wanted.signature
        return (history, difference) if difference is not None and alike else None

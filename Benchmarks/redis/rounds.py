"""What two sides gave in turns, A B A B; the same arithmetic as `versus`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Rounds:
    """The figures of both sides."""

    godwit: list[float]
    peer: list[float]

    @classmethod
    def measure(cls, count: int, godwit: Callable[[], float], peer: Callable[[], float]) -> Rounds:
        """Measures both sides in turns, after a run of each that does not count."""
        godwit()
        peer()
        pairs = [(godwit(), peer()) for _ in range(count)]
        return cls([ours for ours, _ in pairs], [theirs for _, theirs in pairs])

    @property
    def spread(self) -> float:
        """A side against itself: half of how far its runs lie apart, over their median; the larger of both sides."""
        return max(_spread(self.godwit), _spread(self.peer))


def _spread(values: list[float]) -> float:
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if middle > 0 else 0.0

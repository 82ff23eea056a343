"""Rows for people and, as JSON lines, for machines: the form of `versus`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rounds import Rounds


@dataclass(frozen=True)
class Latencies:
    """Nanoseconds."""

    p50: int
    p99: int
    p999: int
    most: int


@dataclass(frozen=True)
class Row:
    """One line of the result; the ratio is Godwit over peer."""

    workload: str
    rounds: Rounds
    unit: str = "op/s"
    peer: str = "redis"
    #: What the ratio has to reach: at least, for rates; at most, for times.
    target: float | None = None
    godwit_latencies: Latencies | None = None
    peer_latencies: Latencies | None = None

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return median(self.rounds.godwit) / median(self.rounds.peer)

    @property
    def is_reached(self) -> bool:
        """Whether the ratio is good enough even with the spread against it; parity passes at 0.95."""
        assert self.target is not None
        if self.unit != "op/s":
            return self.ratio * (1 + self.rounds.spread) <= (1.05 if self.target == 1 else self.target)
        return self.ratio * (1 - self.rounds.spread) >= (0.95 if self.target == 1 else self.target)

    def fields(self) -> dict[str, object]:
        """The row as `versus --json` has it."""
        fields: dict[str, object] = {
            "workload": self.workload, "threads": 1, "peer": self.peer, "godwit": round(median(self.rounds.godwit), 3),
            "peerValue": round(median(self.rounds.peer), 3), "unit": self.unit, "ratio": round(self.ratio, 4),
            "spread": round(self.rounds.spread, 4),
        }  # fmt: skip
        for names, latencies in (
            (("p50ns", "p99ns", "p999ns", "maxns"), self.godwit_latencies),
            (("peerP50ns", "peerP99ns", "peerP999ns", "peerMaxns"), self.peer_latencies),
        ):
            values = (latencies.p50, latencies.p99, latencies.p999, latencies.most) if latencies else (None,) * 4
            fields |= dict(zip(names, values))
        return fields


class Report:
    """Prints rows as they come, and writes them where a file was named."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        self._line("workload", "peer", "godwit", "peer's", "unit", "ratio", "spread", "target", "")

    def add(self, row: Row) -> None:
        """Prints one row."""
        wanted = "" if row.target is None else f"{'≥' if row.unit == 'op/s' else '≤'} {row.target:.2f}"
        verdict = "" if row.target is None else "reached" if row.is_reached else "missed"
        self._line(row.workload, row.peer, _grouped(median(row.rounds.godwit)), _grouped(median(row.rounds.peer)), row.unit,
                   f"{row.ratio:.2f}", f"±{row.rounds.spread * 100:.0f} %", wanted, verdict)  # fmt: skip
        for name, latencies in (("godwit", row.godwit_latencies), ("peer", row.peer_latencies)):
            if latencies:
                print(f"    latency, ns    {name:7} p50 {latencies.p50}   p99 {latencies.p99}   p99.9 {latencies.p999}   "
                      f"max {latencies.most}", flush=True)  # fmt: skip
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(row.fields(), separators=(",", ":")) + "\n")

    def _line(self, *cells: str) -> None:
        widths = (-34, -10, 12, 12, -6, 7, 8, 8, -8)
        print(*(f"{cell:{'<' if width < 0 else '>'}{abs(width)}}" for cell, width in zip(cells, widths)), flush=True)


def _grouped(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"

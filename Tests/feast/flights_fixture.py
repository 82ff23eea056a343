"""What the features have to be, straight from the CSV, without Feast or pandas."""

from __future__ import annotations

import csv
from typing import Any

from repository import FLIGHTS

Features = dict[str, Any]


def last_flights() -> dict[str, Features]:
    """For each aircraft what its last departure in the file says: rows are not in order of time, so by hour, then row."""
    latest: dict[str, tuple[str, Features]] = {}
    counts: dict[str, int] = {}
    with FLIGHTS.open(newline="") as file:
        for row in csv.DictReader(file):
            tail = row["tailnum"]
            if tail == "NA":
                continue
            counts[tail] = counts.get(tail, 0) + 1
            features = {
                "carrier": row["carrier"], "last_origin": row["origin"], "last_dest": row["dest"],
                "distance": int(row["distance"]), "flights": counts[tail], "dep_delay": _delay(row["dep_delay"]),
                "arr_delay": _delay(row["arr_delay"]),
            }  # fmt: skip
            if tail not in latest or row["time_hour"] >= latest[tail][0]:
                latest[tail] = (row["time_hour"], features)
    return {tail: features for tail, (_, features) in latest.items()}


def _delay(text: str) -> float | None:
    return None if text == "NA" else float(text)

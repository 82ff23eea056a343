"""Reads features as a service does."""

from __future__ import annotations

import math
from typing import Any

from feast import FeatureStore
from flights_fixture import Features

VIEWS = {
    "last_flight": ["carrier", "last_origin", "last_dest", "distance", "flights"],
    "delays": ["dep_delay", "arr_delay"],
}
#: Entities of one request.
BATCH = 100


def read_features(
    store: FeatureStore, aircraft: list[str], views: tuple[str, ...] = ("last_flight", "delays")
) -> dict[str, Features]:
    """The features of aircraft by `get_online_features`, a hundred aircraft a request."""
    names = [f"{view}:{feature}" for view in views for feature in VIEWS[view]]
    found: dict[str, Features] = {}
    for start in range(0, len(aircraft), BATCH):
        rows = [{"tailnum": tail} for tail in aircraft[start : start + BATCH]]
        columns = store.get_online_features(features=names, entity_rows=rows).to_dict()
        for index, tail in enumerate(columns.pop("tailnum")):
            found[tail] = {name: _present(values[index]) for name, values in columns.items()}
    return found


def _present(value: Any) -> Any:
    """Pandas has NaN for what is missing."""
    return None if isinstance(value, float) and math.isnan(value) else value

"""What is known of an aircraft and of a route after their last departure from New York."""

from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64, String

departures = FileSource(path="flights.parquet", timestamp_field="event_timestamp")

aircraft = Entity(name="aircraft", join_keys=["tailnum"], value_type=ValueType.STRING)
origin = Entity(name="origin", join_keys=["origin"], value_type=ValueType.STRING)
destination = Entity(name="destination", join_keys=["dest"], value_type=ValueType.STRING)

last_flight = FeatureView(
    name="last_flight",
    entities=[aircraft],
    ttl=timedelta(days=0),
    schema=[
        Field(name="tailnum", dtype=String),
        Field(name="carrier", dtype=String),
        Field(name="last_origin", dtype=String),
        Field(name="last_dest", dtype=String),
        Field(name="distance", dtype=Int64),
        Field(name="flights", dtype=Int64),
    ],
    source=departures,
)

delays = FeatureView(
    name="delays",
    entities=[aircraft],
    ttl=timedelta(days=0),
    schema=[
        Field(name="tailnum", dtype=String),
        Field(name="dep_delay", dtype=Float64),
        Field(name="arr_delay", dtype=Float64),
    ],
    source=departures,
)

route = FeatureView(
    name="route",
    entities=[origin, destination],
    ttl=timedelta(days=0),
    schema=[
        Field(name="origin", dtype=String),
        Field(name="dest", dtype=String),
        Field(name="route_dep_delay", dtype=Float64),
    ],
    source=departures,
)

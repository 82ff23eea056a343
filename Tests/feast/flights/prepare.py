"""Makes flights.parquet, the offline store, from the flights' CSV: prepare.py FLIGHTS.csv"""

import sys

import pandas


def main(csv: str) -> None:
    """Reads the flights and writes what the feature views are made of."""
    rows = pandas.read_csv(csv, dtype={"tailnum": "string"}).dropna(subset=["tailnum"])
    # Departures within one hour bear the same time; a millisecond each keeps the file's order.
    order = pandas.to_timedelta(rows.groupby("time_hour").cumcount(), unit="ms")
    flights = pandas.DataFrame({
        "event_timestamp": pandas.to_datetime(rows["time_hour"], utc=True) + order,
        "tailnum": rows["tailnum"],
        "carrier": rows["carrier"],
        "last_origin": rows["origin"],
        "last_dest": rows["dest"],
        "distance": rows["distance"].astype("int64"),
        "flights": rows.groupby("tailnum").cumcount() + 1,
        "dep_delay": rows["dep_delay"].astype("float64"),
        "arr_delay": rows["arr_delay"].astype("float64"),
        "origin": rows["origin"],
        "dest": rows["dest"],
        "route_dep_delay": rows["dep_delay"].astype("float64"),
    })  # fmt: skip
    flights.to_parquet("flights.parquet")
    print(f"{len(flights):,} departures of {flights['tailnum'].nunique():,} aircraft")


if __name__ == "__main__":
    main(sys.argv[1])

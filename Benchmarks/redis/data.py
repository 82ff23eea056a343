"""The data of the benchmarks: strings and hashes, the same on both sides."""

from __future__ import annotations

from load import redis_load
from servers import Address

KEYS = 1_000_000
HASHES = 100_000
FIELDS = [f"feature_{index:02}" for index in range(20)]
VALUE_SIZE = 100
FIELD_SIZE = 16


def write_strings(address: Address, keys: int = KEYS) -> None:
    """Every key once."""
    redis_load(address, ["SET", "key:{next}", "{value}"], requests=keys, pipeline=64, value_size=VALUE_SIZE)


def write_hashes(address: Address) -> None:
    """Every hash once, with all its fields."""
    words = ["HSET", "hash:{next}", *(word for field in FIELDS for word in (field, "{value}"))]
    redis_load(address, words, requests=HASHES, pipeline=16, value_size=FIELD_SIZE)

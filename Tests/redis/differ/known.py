"""What differs from Redis on purpose, each with its reason; docs/redis.md carries the same list."""

from __future__ import annotations

from typing import NamedTuple

from differ.agreement import Agree


class OnPurpose(NamedTuple):
    """A command whose replies need not be Redis' own, what still has to hold, and why."""

    command: str
    agree: Agree
    reason: str


#: The list; empty where a command is not in it: then the reply is Redis' to the letter.
ON_PURPOSE: list[OnPurpose] = []


def agreements() -> dict[str, Agree]:
    """What still has to hold, by command."""
    return {item.command: item.agree for item in ON_PURPOSE}

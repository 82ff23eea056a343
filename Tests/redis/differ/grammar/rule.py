"""One way to draw a command."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from differ.arguments import Arguments

Words = list[bytes]


class Rule(NamedTuple):
    """A command's name, how often it comes relative to others, and its arguments."""

    name: str
    weight: float
    arguments: Callable[[Arguments], Words]

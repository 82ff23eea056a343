"""A command of a run, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from differ.wire import encode, encode_inline, quoted


class Form(Enum):
    """How a command goes to the server."""

    ARRAY = "array"
    INLINE = "inline"
    #: SCAN or HSCAN from cursor 0 to the end, as a client's iterator does it; its reply is all that it gave.
    ITERATED = "iterated"


@dataclass(frozen=True)
class Command:
    """Arguments, name first."""

    arguments: tuple[bytes, ...]
    form: Form = Form.ARRAY

    @property
    def name(self) -> str:
        """The name in upper case."""
        return self.arguments[0].decode("latin-1").upper() if self.arguments else ""

    @property
    def subcommand(self) -> str:
        """The second word in upper case."""
        return self.arguments[1].decode("latin-1").upper() if len(self.arguments) > 1 else ""

    def encoded(self) -> bytes:
        """The bytes that are sent."""
        arguments = list(self.arguments)
        return encode_inline(arguments) if self.form is Form.INLINE else encode(arguments)

    def __str__(self) -> str:
        text = b" ".join(quoted(argument) for argument in self.arguments).decode()
        return text if self.form is Form.ARRAY else f"{text}   ({self.form.value})"


@dataclass(frozen=True)
class Batch:
    """Commands that one connection sends at once."""

    connection: int
    commands: tuple[Command, ...]

"""What a run found to differ."""

from __future__ import annotations

import re
from dataclasses import dataclass

from differ.command import Command
from differ.wire import Reply


@dataclass(frozen=True)
class Difference:
    """Two replies to one command, or two states after it."""

    command: Command | None
    left: str
    right: str

    @classmethod
    def of_replies(cls, command: Command, left: Reply, right: Reply) -> Difference:
        """Replies that do not agree."""
        return cls(command, str(left), str(right))

    @classmethod
    def of_states(cls, texts: list[str]) -> Difference:
        """States that do not agree."""
        return cls(None, "", "\n    ".join(texts[:5]))

    @property
    def signature(self) -> str:
        """The same for differences that look alike: numbers, keys and values aside."""
        if self.command is None:
            return "state"
        words = [self.command.name]
        if words[0] in ("OBJECT", "CLIENT", "CONFIG", "COMMAND", "ACL", "SLOWLOG", "LATENCY"):
            words.append(self.command.subcommand)
        return " ".join([*words, _outline(self.left), _outline(self.right)])

    def __str__(self) -> str:
        if self.command is None:
            return f"the states differ:\n    {self.right}"
        return f"{self.command}\n    left:  {self.left}\n    right: {self.right}"


def _outline(text: str) -> str:
    """The type, and the text of an error up to what it quotes."""
    return re.sub(r"[0-9]+", "#", re.split(r"['\\]", text[2:])[0]) if text.startswith("-") else text[:1]

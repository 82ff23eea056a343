"""Draws whole batches."""

from __future__ import annotations

import random

from differ.arguments import Arguments
from differ.command import Batch, Command, Form
from differ.grammar import connection, hashes, iterations, keys, mistakes, server, strings, transactions
from differ.grammar.guard import without_chance
from differ.grammar.rule import Rule, Words

PLAIN = [
    *strings.RULES, *hashes.RULES, *keys.RULES, *iterations.INVALID, *transactions.RULES, *connection.RULES, *server.RULES,
]  # fmt: skip


class Drawing:
    """Draws batches of commands from one seeded generator."""

    def __init__(self, chance: random.Random, connections: int, skipped: frozenset[str] = frozenset()) -> None:
        self._chance = chance
        self._connections = connections
        self._draw = Arguments(chance)
        self._rules = [rule for rule in PLAIN if rule.name not in skipped]
        self._weights = [rule.weight for rule in self._rules]

    def batch(self) -> Batch:
        """One to many commands for one connection; an iteration is alone."""
        connection = self._chance.randrange(self._connections)
        if self._draw.one_in(60):
            return Batch(connection, (self._iteration(),))
        count = self._chance.choices((1, 4, 16, 64), (3, 4, 4, 1))[0]
        commands: list[Command] = []
        for _ in range(self._chance.randint(1, count)):
            commands.append(self._command())
            if commands[-1].name == "QUIT":
                # What follows in the same packet would make the kernel reset the connection before the reply is read.
                break
        return Batch(connection, tuple(commands))

    def _iteration(self) -> Command:
        rule = self._chance.choice(iterations.RULES)
        return Command((rule.name.encode(), *rule.arguments(self._draw)), Form.ITERATED)

    def _command(self) -> Command:
        words = self._words()
        if self._draw.one_in(12):
            words = mistakes.spoiled(self._draw, words)
        words = without_chance(words)
        if self._draw.one_in(20):
            words[0] = words[0].swapcase()
        inline = self._draw.one_in(50) and bool(words[0]) and sum(map(len, words)) < 2000
        return Command(tuple(words), Form.INLINE if inline else Form.ARRAY)

    def _words(self) -> Words:
        if self._draw.one_in(100):
            return mistakes.unknown(self._draw)
        rule: Rule = self._chance.choices(self._rules, self._weights)[0]
        return [rule.name.encode(), *rule.arguments(self._draw)]

"""MULTI and what belongs to it."""

from __future__ import annotations

from differ.grammar.rule import Rule

RULES = [
    Rule("MULTI", 2, lambda draw: []),
    Rule("EXEC", 8, lambda draw: []),
    Rule("DISCARD", 0.7, lambda draw: []),
    Rule("WATCH", 1.5, lambda draw: draw.some(draw.key, 3)),
    Rule("UNWATCH", 0.4, lambda draw: []),
]

"""What commands a run sends: a file for each group of Redis' own documentation, and what is wrong on purpose."""

from differ.grammar.drawing import Drawing

__all__ = ["Drawing"]

"""Servers by name, for command lines."""

from __future__ import annotations

from servers.godwit_node import GodwitNode
from servers.redis_server import RedisServer
from servers.server import Address, Server


class RunningServer(Server):
    """A server that somebody else started and ends."""

    name = "running"

    def __init__(self, address: Address) -> None:
        super().__init__()
        self.address = address


def start(kind: str) -> Server:
    """`redis`, `godwit`, or HOST:PORT of one that runs already."""
    match kind:
        case "redis":
            return RedisServer()
        case "godwit":
            return GodwitNode()
        case _:
            return RunningServer(Address.parse(kind))

"""Servers for tests and benchmarks: redis-server and Godwit nodes on loopback, each ended by its process id."""

from servers.godwit_node import GodwitNode
from servers.kinds import start
from servers.redis_server import RedisServer
from servers.server import Address, Server

__all__ = ["Address", "GodwitNode", "RedisServer", "Server", "start"]

"""A test case with a server of its own class."""

from __future__ import annotations

import os
import unittest
from typing import ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from servers import Server, start

#: `redis` to see whether an expectation is Redis' own.
SERVER = os.environ.get("REDIS_TEST_SERVER", "godwit")
IS_GODWIT = SERVER == "godwit"
only_godwit = unittest.skipUnless(IS_GODWIT, "redis-server has none of it")


class NodeCase(unittest.TestCase):
    """One node for all tests of a class; each begins with no keys."""

    server: ClassVar[Server]

    @classmethod
    def setUpClass(cls) -> None:
        """Starts the node."""
        cls.server = start(SERVER)
        cls.addClassCleanup(cls.server.stop)

    def setUp(self) -> None:
        """Removes all keys."""
        self.client = self.connect()
        self.client.flushall()

    def connect(self, **options: object) -> redis.Redis:
        """A client that is closed at the end of the test."""
        return connect(self, self.server, **options)


def connect(case: unittest.TestCase, server: Server, **options: object) -> redis.Redis:
    """A client of any server, closed at the end of the test; it tries nothing twice, so that no failure is hidden."""
    options = {"retry": Retry(NoBackoff(), 0)} | options
    client = redis.Redis(host=server.address.host, port=server.address.port, **options)  # type: ignore[arg-type]
    case.addCleanup(client.close)
    return client

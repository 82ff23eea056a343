"""redis-server from Debian, the peer."""

from __future__ import annotations

from pathlib import Path

from servers.server import Address, Server, free_port


class RedisServer(Server):
    """A redis-server without snapshots; `settings` are options of its command line without the dashes."""

    name = "redis-server"

    def __init__(self, settings: dict[str, str] | None = None, directory: Path | None = None) -> None:
        super().__init__(directory)
        self.address = Address("127.0.0.1", free_port())
        options = {"save": "", "dir": str(self.directory), "logfile": str(self.log)} | (settings or {})
        command = ["redis-server", "--bind", self.address.host, "--port", str(self.address.port)]
        for option, value in options.items():
            # A value of several words is several arguments, as in the configuration file.
            command += [f"--{option}", *(value.split() or [""])]
        self.spawn(command)
        try:
            self.wait_until_connectable()
        except BaseException:
            self.stop()
            raise

"""A process that serves the Redis protocol on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self


class Address(NamedTuple):
    """Where a listener is."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads HOST:PORT."""
        host, _, port = text.rpartition(":")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Server:
    """A process with a directory of its own, removed at the end; a context manager that ends it."""

    name = "server"

    def __init__(self, directory: Path | None = None) -> None:
        self._keeps_directory = directory is not None
        self.directory = directory or Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = self.directory / "server.log"
        self.address = Address("127.0.0.1", 0)
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Starts the process; what it prints to standard error goes into its log."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL)
        return self._process

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None, "not started"
        return self._process.pid

    def wait_until_connectable(self, limit: float = 20) -> None:
        """Returns when the listener takes connections."""
        deadline = time.monotonic() + limit
        while True:
            try:
                socket.create_connection(self.address, timeout=1).close()
                return
            except OSError:
                self.fail_if_ended()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def fail_if_ended(self) -> None:
        """Throws with the end of the log when the process is gone."""
        assert self._process is not None, "not started"
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self._process.returncode}: {self.last_log()}")

    def last_log(self) -> str:
        """The last lines that the process logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def kill(self) -> None:
        """Ends the process at once, as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends the process and removes its directory unless it was given."""
        self._end(signal.SIGTERM)
        if not self._keeps_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.kill(process.pid, with_signal)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""A Godwit node: `godwit serve` with a Redis listener."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

from servers.server import Address, Server

ROOT = Path(__file__).resolve().parents[3]


def command_path() -> str:
    """The `godwit` command: $GODWIT, else what `make build` made."""
    return os.environ.get("GODWIT", str(ROOT / ".build/release/godwit"))


class GodwitNode(Server):
    """A node on free ports of loopback; `flags` are further flags of `godwit serve`, with their dashes."""

    name = "godwit"

    def __init__(
        self,
        region: str = "us-east",
        follow: Address | None = None,
        flags: list[str] | None = None,
        directory: Path | None = None,
    ) -> None:
        super().__init__(directory)
        self._command = [command_path(), "serve", "--data", str(self.directory / "store"), "--region", region]
        for listener in ("--replication", "--admin", "--redis"):
            self._command += [listener, "127.0.0.1:0"]
        if follow is not None:
            self._command += ["--follow", str(follow)]
        self._command += ["--log-level", "warning", *(flags or [])]
        self._start()

    def _start(self) -> None:
        self.spawn(self._command)
        try:
            words = dict(word.split("=", 1) for word in self._ready_line().split() if "=" in word)
        except BaseException:
            self.stop()
            raise
        self.address = Address.parse(words["redis"])
        self.admin = Address.parse(words["admin"])
        self.replication = Address.parse(words["replication"])

    def _ready_line(self, limit: float = 60) -> str:
        """The line that the node prints once it serves."""
        assert self._process is not None and self._process.stdout is not None
        output, text = self._process.stdout, b""
        deadline = time.monotonic() + limit
        while b"\n" not in text:
            readable, _, _ = select.select([output], [], [], 0.1)
            if readable:
                text += os.read(output.fileno(), 4096)
            if not text:
                self.fail_if_ended()
            if time.monotonic() > deadline:
                raise RuntimeError(f"godwit is not ready after {limit} s: {self.last_log()}")
        return text.decode()

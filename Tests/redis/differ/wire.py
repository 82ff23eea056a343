"""RESP on a socket. Replies keep their types, which clients throw away: a status is no bulk string, nor a null an empty one."""

from __future__ import annotations

import socket
from typing import NamedTuple

from servers import Address

LINE_TYPES = b"+-:_#,("
BULK_TYPES = b"$=!"
LIST_TYPES = b"*~>"
MAP_TYPES = b"%|"


class Reply(NamedTuple):
    """One reply: its type byte and its content; `value` is None for a null of RESP2."""

    kind: str
    value: bytes | tuple[Reply, ...] | None

    def __str__(self) -> str:
        if isinstance(self.value, tuple):
            return f"{self.kind}[" + ", ".join(str(item) for item in self.value) + "]"
        if self.value is None:
            return f"{self.kind}null"
        text = repr(self.value)[1:]
        return self.kind + (text if len(text) < 400 else f"{text[:400]}… ({len(self.value)} B)")


class ConnectionClosed(Exception):
    """The server ended the connection."""


class Connection:
    """A connection that sends batches and reads their replies."""

    def __init__(self, address: Address, timeout: float = 60) -> None:
        self._socket = socket.create_connection(address, timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._at = 0

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ConnectionClosed(str(error)) from error

    def call(self, *arguments: bytes | str) -> Reply:
        """Sends one command and reads its reply."""
        self.send(encode([item.encode() if isinstance(item, str) else item for item in arguments]))
        return self.read()

    def read(self) -> Reply:
        """The next reply."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind in LINE_TYPES:
            return Reply(kind.decode(), rest)
        count = int(rest)
        if kind in BULK_TYPES:
            return Reply(kind.decode(), None if count < 0 else self._exactly(count))
        if kind in LIST_TYPES:
            return Reply(kind.decode(), None if count < 0 else tuple(self.read() for _ in range(count)))
        if kind in MAP_TYPES:
            return Reply(kind.decode(), tuple(self.read() for _ in range(2 * count)))
        raise ValueError(f"no reply begins with {line[:80]!r}")

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n", self._at)) < 0:
            self._receive()
        line = self._buffer[self._at : end]
        self._at = end + 2
        return line

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) - self._at < count + 2:
            self._receive()
        data = self._buffer[self._at : self._at + count]
        self._at += count + 2
        return data

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 18)
        except ConnectionResetError as error:
            raise ConnectionClosed(str(error)) from error
        if not data:
            raise ConnectionClosed("end of stream")
        self._buffer = self._buffer[self._at :] + data
        self._at = 0


def encode(arguments: list[bytes]) -> bytes:
    """A command as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        parts.append(b"$%d\r\n%b\r\n" % (len(argument), argument))
    return b"".join(parts)


def encode_inline(arguments: list[bytes]) -> bytes:
    """A command as one line, its words quoted."""
    return b" ".join(quoted(argument) for argument in arguments) + b"\r\n"


def quoted(argument: bytes) -> bytes:
    """A word as redis-cli and inline commands take it."""
    if argument and all(48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 for byte in argument):
        return argument
    text = b"".join(
        b"\\" + bytes([byte]) if byte in b'"\\' else bytes([byte]) if 32 <= byte < 127 else b"\\x%02x" % byte
        for byte in argument
    )
    return b'"' + text + b'"'

"""Random arguments. All chance of a run comes from one seeded generator."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable

#: Numbers around which integer parsing and overflow change.
EDGE_INTEGERS = [
    "0", "-1", "1", "-0", "+1", " 1", "1 ", "01", "0x10", "1.0", "1e3", "", "abc", "nan", "inf",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "4294967296", "2147483648", "99999999999999999999999",
]  # fmt: skip
EDGE_FLOATS = [
    "0.1", "-0.1", "1e10", "1e-10", "1e300", "1e4000", "inf", "-inf", "nan", "+1.5", " 1.5", "1.5 ", "0x1p3", "", "x",
    "3.0", "-0", "123456789.123456789", "0.30000000000000004", "5e-5", "17.000000000000000001", "1e17", "1.7e308",
]  # fmt: skip
PATTERNS = [
    "*", "k*", "k?", "k[0-4]", "k[^1]*", "h*1", "[kh]*", "*\\*", "k\\1", "", "?", "k1", "[", "k[", "[a-", "**", "k[9-0]",
    "*[", "\\", "[^k]*", "k1*2*",
]  # fmt: skip


class Arguments:
    """Draws arguments from a seeded generator."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._epoch = int(time.time())

    def pick(self, *choices: str) -> str:
        """One of several, each as likely."""
        return self.chance.choice(choices)

    def one_in(self, count: int) -> bool:
        """True once in so many times."""
        return self.chance.randrange(count) == 0

    def some(self, draw: Callable[[], bytes], most: int = 4) -> list[bytes]:
        """One to `most` draws."""
        return [draw() for _ in range(self.chance.randint(1, most))]

    def key(self) -> bytes:
        """A key of a small pool, which all types share, so that wrong types come up; a few begin with k, h or n."""
        index = self.chance.randrange(16)
        prefix = "khn"[self.chance.choices((0, 1, 2), (5, 5, 2))[0]]
        if self.one_in(200):
            return self.chance.choice([b"", b"\x00", b"\xff\xfe", b"a b", b'"', b"*", b"{t}1", "ö".encode()])
        return f"{prefix}{index}".encode()

    def hash_key(self) -> bytes:
        """A key that mostly holds a hash."""
        return f"h{self.chance.randrange(16)}".encode() if not self.one_in(10) else self.key()

    def string_key(self) -> bytes:
        """A key that mostly holds a string."""
        return f"k{self.chance.randrange(16)}".encode() if not self.one_in(10) else self.key()

    def number_key(self) -> bytes:
        """A key that mostly holds a number."""
        return f"n{self.chance.randrange(8)}".encode() if not self.one_in(6) else self.key()

    def field(self) -> bytes:
        """A field of a small pool."""
        if self.one_in(100):
            return self.chance.choice([b"", b"\x00\x01", b"f" * 70, b"a b", b"\r\n"])
        return f"f{self.chance.randrange(24)}".encode()

    def value(self) -> bytes:
        """A value: short text, a number, odd bytes, seldom a long one."""
        draw = self.chance.random()
        if draw < 0.35:
            return self.integer()
        if draw < 0.45:
            return self.float()
        if draw < 0.55:
            return self.chance.randbytes(self.chance.randrange(12))
        if draw < 0.60:
            length = self.chance.choice([39, 40, 43, 44, 45, 63, 64, 65, 128, 1000])
            return b"x" * length
        if draw < 0.602:
            return b"long" * self.chance.choice([1000, 2100, 5000])
        return "".join(self.chance.choices(string.ascii_letters, k=self.chance.randrange(10))).encode()

    def integer(self) -> bytes:
        """A number, mostly small and well-formed."""
        if self.one_in(12):
            return self.chance.choice(EDGE_INTEGERS).encode()
        return str(self.chance.choice([0, 1, 2, 3, 7, -1, -5, 10, 100, 9999, 10000, 123456])).encode()

    def float(self) -> bytes:
        """A number with a fraction, often odd."""
        if self.one_in(2):
            return self.chance.choice(EDGE_FLOATS).encode()
        return repr(round(self.chance.uniform(-1000, 1000), self.chance.randrange(1, 12))).encode()

    def index(self) -> bytes:
        """An offset into a string."""
        if self.one_in(20):
            return self.chance.choice(EDGE_INTEGERS).encode()
        return str(self.chance.choice([0, 1, 2, 5, 9, 40, 100, 1000, -1, -2, -3, -10, -100])).encode()

    def seconds(self) -> bytes:
        """A time to live far away, one in the past, or an odd one; never near now, where the two servers' clocks decide."""
        if self.one_in(12):
            return self.chance.choice([b"0", b"-1", b"-100", b"abc", b"", b"9223372036854775807", b"-9223372036854775808",
                                       b"9223372036854775", b"1.5"])  # fmt: skip
        return str(self.chance.randrange(100_000, 1_000_000_000)).encode()

    def milliseconds(self) -> bytes:
        """The same in milliseconds."""
        if self.one_in(12):
            return self.chance.choice([b"0", b"-1", b"-100", b"abc", b"", b"9223372036854775807", b"-9223372036854775808"])
        return str(self.chance.randrange(100_000_000, 1_000_000_000_000)).encode()

    def unix_seconds(self) -> bytes:
        """An absolute time far from now."""
        if self.one_in(12):
            return self.chance.choice([b"0", b"-1", b"1", b"1000000000", b"abc", b"9223372036854775807"])
        return str(self._epoch + self.chance.randrange(100_000, 1_000_000_000)).encode()

    def unix_milliseconds(self) -> bytes:
        """The same in milliseconds."""
        if self.one_in(12):
            return self.chance.choice([b"0", b"-1", b"1", b"1000000000000", b"abc", b"9223372036854775807"])
        return str(self._epoch * 1000 + self.chance.randrange(100_000_000, 1_000_000_000_000)).encode()

    def pattern(self) -> bytes:
        """A pattern of KEYS and SCAN."""
        return self.chance.choice(PATTERNS).encode()

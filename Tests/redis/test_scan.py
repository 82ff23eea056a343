"""What SCAN promises while others write."""

from __future__ import annotations

import random
import threading
import unittest

import redis
from node_case import NodeCase, only_godwit


class ScanTests(NodeCase):
    """Iterations of many keys and of many fields."""

    def test_what_is_there_throughout_is_returned(self) -> None:
        """Keys that come and go beside it may show or not; those that stay are all given, though writes go on."""
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        staying = {f"stay:{index}".encode() for index in range(3000)}
        self.client.mset({key: "1" for key in staying})
        self.client.hset("large", mapping={key: "1" for key in staying})
        ended, failures = threading.Event(), list[BaseException]()

        def churn() -> None:
            chance, client = random.Random(seed), self.connect()
            try:
                while not ended.is_set():
                    name = f"come-and-go:{chance.randrange(2000)}"
                    pipeline = client.pipeline(transaction=False)
                    pipeline.set(name, "1").delete(f"come-and-go:{chance.randrange(2000)}")
                    pipeline.hset("large", name, "1").hdel("large", f"come-and-go:{chance.randrange(2000)}")
                    pipeline.execute()
            except redis.RedisError as error:
                failures.append(error)

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            for count in (7, 100, 5000):
                keys = set(self.client.scan_iter(count=count))
                self.assertEqual(staying - keys, set())
                self.assertEqual({key for key in keys if not key.startswith((b"stay:", b"come-", b"large"))}, set())
                fields = {field for field, _ in self.client.hscan_iter("large", count=count)}
                self.assertEqual(staying - fields, set())
                matching = set(self.client.scan_iter(match="stay:1*", count=count, _type="string"))
                self.assertEqual(matching, {key for key in staying if key.startswith(b"stay:1")})
        finally:
            ended.set()
            thread.join()
        self.assertEqual(failures, [])

    @only_godwit
    def test_a_cursor_that_nobody_gave_is_an_error(self) -> None:
        """Never a silent gap."""
        self.client.mset({f"key:{index}": "1" for index in range(100)})
        self.client.hset("large", mapping={f"field:{index}": "1" for index in range(1000)})
        with self.assertRaisesRegex(redis.ResponseError, "cursor 123456789 is not known"):
            self.client.scan(123456789)
        with self.assertRaisesRegex(redis.ResponseError, "cursor 123456789 is not known"):
            self.client.hscan("large", 123456789)


if __name__ == "__main__":
    unittest.main()

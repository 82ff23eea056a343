"""Passwords, users, TLS, and what a node refuses to do without them."""

from __future__ import annotations

import ssl
import subprocess
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from node_case import NodeCase, connect, only_godwit
from servers import GodwitNode
from servers.godwit_node import ROOT, command_path

CERTIFICATES = ROOT / "fixtures/certificates"
#: Shorter ones are refused.
PASSWORD = "sixteen-or-more-letters"


class UserTests(NodeCase):
    """ACL, as in Redis."""

    def test_a_user_may_do_what_the_rules_say(self) -> None:
        """Categories, commands, key patterns for reading and writing; in Redis' words when refused."""
        self.client.acl_setuser("reader", enabled=True, passwords=["+secret"], commands=["+get", "+hget"], keys=["public:*"])
        self.client.execute_command("ACL", "SETUSER", "mixed", "on", ">pw", "+@all", "%R~in:*", "%W~out:*")
        self.addCleanup(self.client.acl_deluser, "reader", "mixed")
        self.client.mset({"public:a": "1", "private:a": "2", "in:a": "3"})
        reader = self.connect(username="reader", password="secret")
        self.assertEqual(reader.get("public:a"), b"1")
        with self.assertRaisesRegex(redis.exceptions.NoPermissionError, "one of the keys used as arguments"):
            reader.get("private:a")
        with self.assertRaisesRegex(redis.exceptions.NoPermissionError, "no permissions to run the 'set' command"):
            reader.set("public:a", "2")
        mixed = self.connect(username="mixed", password="pw")
        self.assertEqual(mixed.get("in:a"), b"3")
        self.assertTrue(mixed.copy("in:a", "out:a"))
        for refused in (lambda: mixed.set("in:a", "1"), lambda: mixed.get("out:a"), lambda: mixed.rename("in:a", "out:b")):
            self.assertRaises(redis.exceptions.NoPermissionError, refused)
        with self.assertRaises(redis.exceptions.AuthenticationError):
            self.connect(username="reader", password="wrong").ping()

    def test_a_user_that_is_removed_is_gone_at_once(self) -> None:
        """Its connections end."""
        self.client.execute_command("ACL", "SETUSER", "guest", "on", "nopass", "+@all", "~*")
        guest = self.connect(username="guest", password="any")
        self.assertTrue(guest.ping())
        self.assertEqual(self.client.acl_deluser("guest"), 1)
        self.assertRaises((redis.ConnectionError, redis.exceptions.AuthenticationError), guest.ping)


@only_godwit
class ListenerTests(unittest.TestCase):
    """Flags of `godwit serve`."""

    def setUp(self) -> None:
        """A directory for files."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def file(self, name: str, text: str) -> str:
        """Writes a file that nobody else may read."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def test_nothing_is_served_before_the_password(self) -> None:
        """Only what establishes who it is."""
        with GodwitNode(flags=["--redis-password-file", self.file("password", f"{PASSWORD}\n")]) as node:
            client = connect(self, node)
            with self.assertRaisesRegex(redis.exceptions.AuthenticationError, "Authentication required"):
                client.get("a")
            self.assertTrue(connect(self, node, password=PASSWORD).set("a", "1"))
            self.assertTrue(connect(self, node, username="default", password=PASSWORD, protocol=3).get("a"))

    def test_users_come_from_a_file_with_hashed_passwords(self) -> None:
        """Redis' own format; ACL SAVE writes hashes and ACL LOAD reads them."""
        path = self.file("users.acl", "user default on >root ~* &* +@all\nuser anna on >secret ~a:* +@read -@dangerous\n")
        with GodwitNode(flags=["--redis-acl", path]) as node:
            root = connect(self, node, password="root")
            root.set("a:1", "x")
            self.assertEqual(connect(self, node, username="anna", password="secret").get("a:1"), b"x")
            root.execute_command("ACL", "SETUSER", "bert", "on", ">new", "~*", "+get")
            root.acl_save()
            text = Path(path).read_text()
            self.assertNotIn("secret", text)
            self.assertIn("user bert on #", text)
            Path(path).write_text(text.replace("user bert on", "user bert off"))
            root.acl_load()
            with self.assertRaises(redis.exceptions.AuthenticationError):
                connect(self, node, username="bert", password="new").ping()

    def test_an_open_listener_is_refused(self) -> None:
        """On an address that others reach, without authentication, unless told so."""
        command = [command_path(), "serve", "--data", str(self.directory / "s"), "--region", "r", "--admin", "127.0.0.1:0",
                   "--replication", "127.0.0.1:0", "--redis", "0.0.0.0:0"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "others can reach 0.0.0.0")

    def test_tls_serves_only_whom_the_authority_knows(self) -> None:
        """TLS 1.3, with a client's certificate where authorities are named."""
        own = [f"--redis-tls-{what}={CERTIFICATES / file}" for what, file in (
            ("certificate", "us-east.pem"), ("key", "us-east.key"), ("authorities", "authority.pem"))]  # fmt: skip
        with GodwitNode(flags=own) as node:
            options = {"ssl": True, "ssl_ca_certs": str(CERTIFICATES / "authority.pem"), "ssl_check_hostname": False}
            mine = {"ssl_certfile": str(CERTIFICATES / "eu-west.pem"), "ssl_keyfile": str(CERTIFICATES / "eu-west.key")}
            client = connect(self, node, **options, **mine, ssl_min_version=ssl.TLSVersion.TLSv1_3)
            self.assertTrue(client.set("a", "1"))
            self.assertRaises(redis.ConnectionError, connect(self, node, **options).ping)
            plain = connect(self, node, socket_timeout=5)
            self.assertRaises((redis.ConnectionError, redis.exceptions.InvalidResponse), plain.ping)


if __name__ == "__main__":
    unittest.main()

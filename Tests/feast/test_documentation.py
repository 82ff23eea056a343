"""The example at the head of docs/feast.md does what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from repository import ROOT
from servers import GodwitNode
from servers.godwit_node import command_path

ADDRESS = "127.0.0.1:6379"


def blocks(language: str) -> list[str]:
    """The code of one language in docs/feast.md."""
    text = (ROOT / "docs/feast.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


class DocumentationTests(unittest.TestCase):
    """The first two blocks of shell and the output after them."""

    def test_the_example_runs(self) -> None:
        """Against a free port in place of 6379, from a directory that looks like a clone."""
        serve, commands, *_ = blocks("sh")
        shown = json.loads(blocks("json")[0])
        flags = serve.split()
        self.assertEqual(flags[:2], [".build/release/godwit", "serve"])
        self.assertEqual(dict(zip(flags[2::2], flags[3::2])),
                         {"--data": "./us", "--region": "us-east", "--redis": ADDRESS})  # fmt: skip
        directory = Path(tempfile.mkdtemp(prefix="feast-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        for name in ("Tests", "fixtures"):
            (directory / name).symlink_to(ROOT / name)
        with GodwitNode() as node:
            script = commands.replace(ADDRESS, str(node.address))
            self.assertNotEqual(script, commands)
            programs = f"{Path(sys.executable).parent}:{Path(command_path()).parent}:{os.environ['PATH']}"
            done = subprocess.run(
                ["bash", "-euc", script], cwd=directory, env=os.environ | {"PATH": programs}, capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(json.loads(done.stdout[done.stdout.index("{\n") :]), shown)


if __name__ == "__main__":
    unittest.main()

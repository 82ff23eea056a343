"""A copy of the feature repository with an address of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from feast import FeatureStore
from servers import Address

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / "fixtures/flights-2013-01.csv"
MONTH = ("2013-01-01T00:00:00", "2013-02-02T00:00:00")
#: What `feature_store.yaml` reads the address from.
VARIABLE = "GODWIT_REDIS"


class Repository:
    """The repository of Tests/feast/flights in a directory of its own."""

    def __init__(self, address: Address) -> None:
        self._parent = tempfile.mkdtemp(prefix="feast-")
        self.directory = Path(self._parent) / "flights"
        shutil.copytree(ROOT / "Tests/feast/flights", self.directory)
        self.address = address
        self.run("python", "prepare.py", str(FLIGHTS))

    def remove(self) -> None:
        """Removes the copy."""
        shutil.rmtree(self._parent, ignore_errors=True)

    def run(self, *command: str) -> str:
        """Runs a command in the repository, as its user would; gives what it prints."""
        programs = str(Path(sys.executable).parent)
        environment = os.environ | {VARIABLE: str(self.address), "PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run(command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def apply(self) -> None:
        """`feast apply`."""
        self.run("feast", "apply")

    def materialize(self) -> None:
        """`feast materialize` of the whole month."""
        self.run("feast", "materialize", *MONTH)

    def change(self, file: str, old: str, new: str) -> None:
        """Replaces text that is there once in one of the repository's files."""
        path = self.directory / file
        text = path.read_text()
        assert text.count(old) == 1, f"`{old}` is {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    def take_out_view(self, name: str) -> None:
        """Removes a feature view from features.py."""
        path = self.directory / "features.py"
        text, count = re.subn(rf"^{name} = FeatureView\(\n.*?^\)\n", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
        assert count == 1, f"{count} views `{name}`"
        path.write_text(text)

    def store(self) -> FeatureStore:
        """The repository as Feast's library has it."""
        os.environ[VARIABLE] = str(self.address)
        return FeatureStore(repo_path=str(self.directory))

"""``openssl cms`` as the far side of the tests: another implementation, driven through its command."""

import shutil
import subprocess
from pathlib import Path

OPENSSL = shutil.which("openssl")


class OpenSsl:
    """Runs the program in a folder of its own; files are named by their names in it."""

    def __init__(self, folder: Path) -> None:
        assert OPENSSL is not None, "tests that need it are skipped without it"
        self._program = OPENSSL
        self.folder = folder

    def put(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def get(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def __call__(self, *arguments: str | Path) -> None:
        """Raises AssertionError with what the program says where it fails."""
        done = subprocess.run(
            [self._program, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def cms(self, content: bytes, *arguments: str | Path) -> bytes:
        """What ``openssl cms`` makes of this input."""
        self("cms", "-in", self.put("in", content), "-out", "out", "-binary", *arguments)
        return self.get("out")

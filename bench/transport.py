"""AS2 beside ``openssl cms``, SFTP beside OpenSSH's own client, the reactor under eight transfers, all in one run.

Run: ``PYTHONPATH=tests python bench/transport.py [--quick] [--rounds N]``; the real sshd of the tests is this bench's,
too. Needs openssl, sshd, sftp and ssh-keygen. ``--quick`` takes smaller files. Each measurement has a process of its
own; rates are megabytes (10^6 bytes) a second, medians of the rounds, in which ours and theirs take turns. Wall clock
and CPU seconds stand beside each other, for a server shares the two cores with its client. Memory is the peak of the
process, and what of it lies above that of a process that only imports the same modules.
"""

import argparse
import getpass
import hashlib
import io
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from measuring import Told
from sftp_peers import Sshd
from table import table

from gateway.cli.stage import THEM, US, Stage
from gateway.transport.as2.message import Part, build
from gateway.transport.as2.terms import Terms
from gateway.transport.cms import Certificate, Identity
from gateway.transport.cms.making import make_identity
from gateway.transport.spool import Spool

ROOT = Path(__file__).resolve().parent.parent
TASKS = Path(__file__).with_name("transport_tasks.py")
MB = 1_000_000


def ours(task: str, stage: Path) -> Told:
    command = [sys.executable, str(TASKS), task, str(stage)]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{task} failed:\n{run.stderr}")
    told: Told = json.loads(run.stdout.splitlines()[-1])
    return told


def theirs(*commands: Sequence[str], input: bytes = b"") -> Told:
    """One command after the other; CPU seconds of all of them."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for each in commands:
        run = subprocess.run(each, input=input, capture_output=True)
        if run.returncode:
            raise SystemExit(f"{' '.join(each)[:60]} failed:\n{run.stderr.decode()}")
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def medians(told: Sequence[Told]) -> Told:
    return {name: statistics.median(each[name] for each in told) for name in told[0]}


def in_turn(rounds: int, *measure: Callable[[], Told]) -> list[Told]:
    """The medians of each, all of them once in every round."""
    told = [[each() for each in measure] for _ in range(rounds)]
    return [medians([one[at] for one in told]) for at in range(len(measure))]


def write_file(path: Path, size: int) -> str:
    """Bytes without order, so that nothing is won by compressing them; their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, MB):
            piece = os.urandom(min(MB, size - start))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def compared(name: str, size: int, our: Told, their: Told) -> list[str]:
    by_wall, by_cpu = their["wall"] / our["wall"], their["cpu"] / our["cpu"]
    rates = [f"{size / MB / each:.0f}" for each in (their["wall"], our["wall"], their["cpu"], our["cpu"])]
    return [name, *rates[:2], f"{by_wall:.2f}", *rates[2:], f"{by_cpu:.2f}", f"{our['peak_kib'] / 1024:.0f} MB"]


HEAD = ["", "theirs, wall", "ours, wall", "ratio", "theirs, CPU", "ours, CPU", "ratio", "our peak"]


# --- AS2 -------------------------------------------------------------------------------------------------------------


class As2:
    """Two companies with a key each, a file to send, and both ways of building and opening it."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size, self.file = folder, size, folder / "payload"
        folder.mkdir()
        digest = write_file(self.file, size)
        for name in ("us", "them"):
            make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}"]
            theirs([*make, "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")])
        self.stage = folder / "stage.json"
        self.stage.write_text(json.dumps({"folder": str(folder), "file": str(self.file), "digest": digest}))

    def _openssl(self, *words: str) -> list[str]:
        return ["openssl", "cms", *(word.replace("@", f"{self.folder}/") for word in words)]

    def openssl_build(self) -> Told:
        sign = "-sign -binary -md sha256 -signer @us.pem -inkey @us.key -in @payload -out @signed -outform SMIME"
        crypt = "-encrypt -binary -aes-256-cbc -in @signed -out @theirs.p7m -outform DER @them.pem"
        return theirs(self._openssl(*sign.split()), self._openssl(*crypt.split()))

    def openssl_open(self) -> Told:
        decrypt = "-decrypt -binary -in @theirs.p7m -inform DER -inkey @them.key -out @opened"
        verify = "-verify -binary -in @opened -inform SMIME -CAfile @us.pem -purpose any -out @verified"
        return theirs(self._openssl(*decrypt.split()), self._openssl(*verify.split()))

    def ours_build(self) -> Told:
        return ours("as2_build", self.stage)

    def ours_open(self) -> Told:
        return ours("as2_open", self.stage)


def measure_as2(folder: Path, size: int, large: int, rounds: int) -> None:
    small = As2(folder / "as2", size)
    their_build, our_build = in_turn(rounds, small.openssl_build, small.ours_build)
    their_open, our_open = in_turn(rounds, small.openssl_open, small.ours_open)
    rows = [
        compared(f"build {size // MB} MB", size, our_build, their_build),
        compared(f"open {size // MB} MB", size, our_open, their_open),
    ]
    print(table(["AS2 beside openssl cms", *HEAD[1:]], rows), flush=True)
    base = ours("imported_as2", small.stage)["peak_kib"]
    big = As2(folder / "as2-large", large)
    for name, told in (("build", big.ours_build()), ("open", big.ours_open())):
        rate, peak = large / MB / told["wall"], told["peak_kib"]
        print(
            f"{name} {large // MB} MB: {rate:.0f} MB/s, {peak / 1024:.0f} MB at the peak, +{(peak - base) / 1024:.0f}"
        )


# --- SFTP ------------------------------------------------------------------------------------------------------------


class Sftp:
    """A real sshd over a folder, with a file at each side."""

    def __init__(self, home: Path, size: int, **more: Any) -> None:
        home.mkdir()
        self.home, self.file = home, home / "payload"
        self.inbox, self.outbox = home / "theirs", home / "ours"
        self.inbox.mkdir()
        self.outbox.mkdir()
        digest = write_file(self.file, size)
        (self.inbox / "theirs.edi").hardlink_to(self.file)
        self._sshd = Sshd(home)
        self.port, user = self._sshd.port, getpass.getuser()
        (home / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {' '.join(self._sshd.host_key.split()[:2])}\n")
        self.stage = home / "stage.json"
        known: dict[str, Any] = {
            "sftp_port": self.port,
            "user": user,
            "user_key": str(home / "user"),
            "host_key": self._sshd.host_key,
        }
        known |= {"inbox": str(self.inbox), "outbox": str(self.outbox), "file": str(self.file), "digest": digest}
        self._client = ["sftp", "-q", "-b", "-", "-P", str(self.port), "-i", str(home / "user"), "-F", "none"]
        self._client += ["-o", f"UserKnownHostsFile={home / 'known_hosts'}", f"{user}@127.0.0.1"]
        known |= {"client": self._client, "put": f"put {self.file} {self.outbox}/#"}
        known |= {"get": f"get {self.inbox}/theirs.edi {self.home}/#"}
        self.stage.write_text(json.dumps({**known, **more}))

    def openssh(self, batch: str) -> Callable[[], Told]:
        return lambda: theirs(self._client, input=batch.encode())

    def ours(self, task: str) -> Callable[[], Told]:
        return lambda: ours(task, self.stage)

    def close(self) -> None:
        self._sshd.close()


def measure_sftp(folder: Path, size: int, rounds: int) -> None:
    sftp = Sftp(folder / "sftp", size)
    put, get = f"put {sftp.file} {sftp.outbox}/x", f"get {sftp.inbox}/theirs.edi {sftp.home}/got"
    try:
        their_put, our_put = in_turn(rounds, sftp.openssh(put), sftp.ours("sftp_put"))
        their_get, our_get = in_turn(rounds, sftp.openssh(get), sftp.ours("sftp_get"))
        base = sftp.ours("imported_sftp")()["peak_kib"]
    finally:
        sftp.close()
    rows = [
        compared(f"put {size // MB} MB", size, our_put, their_put),
        compared(f"get {size // MB} MB", size, our_get, their_get),
    ]
    print(table(["SFTP beside OpenSSH", *HEAD[1:]], rows), flush=True)
    print(f"a process that only imports the transport: {base / 1024:.0f} MB")


# --- The reactor -----------------------------------------------------------------------------------------------------

TRANSFERS, TRANSFERRED = 8, 21 * MB


def measure_lateness(folder: Path, rounds: int) -> None:
    rows = []
    sftp = Sftp(folder / "sftp-late", TRANSFERRED, transfers=TRANSFERS)
    try:
        told_of = {
            "over AS2": in_turn(rounds, lambda: _as2_lateness(folder))[0],
            "over SFTP": in_turn(rounds, sftp.ours("lateness_sftp"))[0],
            "over SFTP by OpenSSH, beside an idle reactor": in_turn(rounds, sftp.ours("lateness_idle"))[0],
        }
    finally:
        sftp.close()
    for name, told in told_of.items():
        figures = [f"{told[each]:.1f} ms" for each in ("p50", "p99", "max")]
        rows.append([f"{TRANSFERS} x {TRANSFERRED // MB} MB {name}", f"{told['looks']:.0f}", *figures])
    print(table(["lateness of the reactor", "looks", "p50", "p99", "worst"], rows), flush=True)


def _as2_lateness(folder: Path) -> Told:
    """A gateway's configuration with one AS2 partner, and messages of that partner as files."""
    home = Path(tempfile.mkdtemp(dir=folder))
    stage = Stage(home / "stage", over="as2")
    stage.folder.mkdir()
    stage.agree()
    certificate, key = make_identity(THEM, at=datetime.now(UTC), days=2)
    (home / "them.pem").write_text(certificate)
    stage.configure({"as2_url": "http://127.0.0.1:9/as2", "as2_certificate": str(home / "them.pem")})
    stage.upgrade()
    theirs = Identity.load(certificate, key)
    us = Certificate.load((stage.folder / "conf" / "keys" / "us.pem").read_text())
    terms = Terms(partner="bench", us=THEM, them=US, our_signers=(theirs,), their_encryption=(us,))
    content = os.urandom(TRANSFERRED)
    for number in range(TRANSFERS):
        part = Part(name="", content_type="application/edi-x12", source=lambda: io.BytesIO(content), size=TRANSFERRED)
        built = build([part], message_id=f"<{number}@bench>", terms=terms, at=datetime.now(UTC), spool=Spool)
        (home / f"{number}.headers").write_text(json.dumps(built.headers))
        with (home / f"{number}.p7m").open("wb") as file:
            file.writelines(built.chunks())
    path = home / "stage.json"
    known = {"config": str(stage.config), "folder": str(home), "port": stage.as2_port, "transfers": TRANSFERS}
    path.write_text(json.dumps({**known, "stage": str(path)}))
    return ours("lateness_as2", path)


def main(*, quick: bool, rounds: int) -> None:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {python}, {load}, medians of {rounds}; MB a second\n")
    with tempfile.TemporaryDirectory() as name:
        measure_as2(Path(name), 50 * MB, (200 if quick else 1000) * MB, rounds)
        print()
        measure_sftp(Path(name), (50 if quick else 200) * MB, rounds)
        print()
        measure_lateness(Path(name), rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure AS2 and SFTP against openssl and OpenSSH.")
    parser.add_argument("--quick", action="store_true", help="smaller files")
    parser.add_argument("--rounds", type=int, default=5)
    told = parser.parse_args()
    main(quick=told.quick, rounds=told.rounds)

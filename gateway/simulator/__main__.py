"""``python -m gateway.simulator``: the far side as a process of its own, with a real SFTP server on loopback.

Once it serves it prints one JSON line (port, host_key, username, password_file, journal; with AS2 also as2_port,
as2_url, as2_name, as2_certificate, as2_key) on stdout; everything else goes to stderr. SIGTERM or SIGINT ends it
between two files. It may be killed and started again on its folder.
"""

import argparse
import json
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.agreement import load as agreed
from gateway.simulator.as2.office import Office
from gateway.simulator.company import Company, CompanyInvalid, load
from gateway.simulator.mailbox import Mailbox, OpenFiles, host_key
from gateway.simulator.mailroom import Mailroom

POLL_S = 0.1
PASSWORD_FILE = "password"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway.simulator", description="A payer behind an SFTP mailbox.")
    parser.add_argument("--folder", type=Path, required=True, help="where it keeps everything; made if missing")
    parser.add_argument("--port", type=int, default=0, help="SFTP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--config", type=Path, help="a TOML file with keys of the company")
    parser.add_argument("--seed", type=int, help="what its made-up numbers follow from")
    parser.add_argument("--delay-scale", type=float, help="stretches (or with less than 1 shortens) every delay")
    parser.add_argument("--today", type=date.fromisoformat, help="the date of all documents, YYYY-MM-DD")
    parser.add_argument("--username", help="who may call")
    parser.add_argument("--password-file", type=Path, help="made in the folder if missing")
    parser.add_argument("--authorized-keys", type=Path, help="public keys that may call, one a line")
    parser.add_argument("--as2-port", type=int, help="AS2 port on 127.0.0.1, where the config has a table [as2]")
    parser.add_argument("--as2-url", help="where the partner listens for AS2, where the config has a table [as2]")
    return parser.parse_args(argv)


def _company(options: argparse.Namespace) -> Company:
    company = load(options.config, Company()) if options.config else Company()
    given = {key: getattr(options, key) for key in ("seed", "delay_scale", "today", "username")}
    return replace(company, **{key: value for key, value in given.items() if value is not None})


def _agreement(options: argparse.Namespace) -> Agreement | None:
    agreement = agreed(options.config) if options.config else None
    given = {"port": options.as2_port, "url": options.as2_url}
    changes = {key: value for key, value in given.items() if value is not None}
    if changes and agreement is None:
        raise CompanyInvalid("--as2-port and --as2-url are for a company whose --config has a table [as2]")
    return replace(agreement, **changes) if agreement else None


def _now() -> datetime:
    return datetime.now(UTC)


def _password(path: Path) -> str:
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
    return path.read_text("utf-8").strip()


def _authorized(path: Path | None) -> frozenset[str]:
    """Type and body of every key of a file in the manner of OpenSSH, without comments."""
    lines = path.read_text("utf-8").splitlines() if path else []
    return frozenset(" ".join(line.split()[:2]) for line in lines if line.strip() and not line.startswith("#"))


def run(
    options: argparse.Namespace, company: Company, stop: threading.Event, agreement: Agreement | None = None
) -> None:
    """Serves until ``stop`` is set."""
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password_file = options.password_file or folder / PASSWORD_FILE
    wake = threading.Event()
    open_files = OpenFiles()
    mailroom = Mailroom(folder.resolve(), company, _now, open_files.__contains__)
    office = Office(folder.resolve(), agreement, _now, wake.set) if agreement else None
    key = host_key(folder / "host_key")
    mailbox = Mailbox(
        mailroom.root,
        key,
        company.username,
        _password(password_file),
        _authorized(options.authorized_keys),
        changed=wake.set,
        open_files=open_files,
    )
    ready = {
        "port": mailbox.open(options.port),
        "host_key": f"{key.get_name()} {key.get_base64()}",
        "username": company.username,
        "password_file": str(password_file),
        "journal": str(folder / "journal.jsonl"),
        **(office.open() if office else {}),
    }
    print(json.dumps(ready), flush=True)
    try:
        while not stop.is_set():
            if mailroom.beat() and office:
                office.wake()
            wake.wait(POLL_S)
            wake.clear()
    finally:
        mailbox.close()
        if office:
            office.close()
        mailroom.write_journal()
        mailroom.close()


def main(argv: Sequence[str] | None = None) -> int:
    options = _arguments(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="simulator: %(message)s")
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # What partners get wrong is said to them, not here.
    try:
        company, agreement = _company(options), _agreement(options)
    except CompanyInvalid as error:
        print(error, file=sys.stderr)
        return 2
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    run(options, company, stop, agreement)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What ``bench/transport.py`` measures, each in a process of its own: ``python bench/transport_tasks.py TASK STAGE``.

``STAGE`` is a JSON file: where the peers listen, which keys and files there are. Prints one line of JSON. CPU seconds
are those of this process, user and system; the peak is the most memory that it ever held, in KiB, from its start on.
"""

import hashlib
import json
import re
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

PIECE = 1 << 18

Told = dict[str, float]


class Nothing:
    """Nothing was picked up before."""

    def has(self, key: str) -> bool:
        return False


def _peak_kib() -> int:
    """Not ``ru_maxrss``: that one remembers the process that this one was forked from."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])  # type: ignore[index]


def _timed(act: Callable[[], object]) -> Told:
    cpu, wall = time.process_time(), time.perf_counter()
    act()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


# --- SFTP ------------------------------------------------------------------------------------------------------------


def _mailbox(stage: dict[str, Any]) -> Any:
    from gateway.transport.sftp import SftpSettings, SftpTransport

    return SftpTransport(
        SftpSettings(
            host="127.0.0.1",
            port=stage["sftp_port"],
            username=stage["user"],
            key=Path(stage["user_key"]).read_text(),
            host_keys=(stage["host_key"],),
            inbox=stage["inbox"],
            outbox=stage["outbox"],
            after="keep",
            settle_s=0.0,
        )
    )


def sftp_put(stage: dict[str, Any]) -> Told:
    """One file, connection and login included, as OpenSSH's own client is measured."""
    path = Path(stage["file"])

    def act() -> None:
        with _mailbox(stage) as mailbox:
            with path.open("rb") as payload:
                outcome = mailbox.send("ours.edi", payload, path.stat().st_size)
            assert outcome.state == "delivered", outcome

    return _timed(act)


def sftp_get(stage: dict[str, Any]) -> Told:
    """One file, connection, login and the second look included; every byte is looked at."""
    digest = hashlib.sha256()

    def act() -> None:
        with _mailbox(stage) as mailbox:
            assert not list(mailbox.fetch(Nothing()))
            for arrival in mailbox.fetch(Nothing()):
                while piece := arrival.payload.read(PIECE):
                    digest.update(piece)

    told = _timed(act)
    assert digest.hexdigest() == stage["digest"], "the file arrived altered"
    return told


def imported_sftp(_: dict[str, Any]) -> Told:
    """A bare interpreter with the transport imported."""
    import gateway.transport.sftp  # noqa: F401

    return {}


# --- AS2 -------------------------------------------------------------------------------------------------------------


def _terms(folder: Path, us: str, them: str) -> Any:
    from gateway.transport.as2.terms import Limits, Terms
    from gateway.transport.cms.certificates import Certificate, Identity

    ours = Identity.load((folder / f"{us}.pem").read_text(), (folder / f"{us}.key").read_text())
    theirs = Certificate.load((folder / f"{them}.pem").read_text())
    return Terms(
        partner="bench",
        us=us,
        them=them,
        our_signers=(ours,),
        our_decryptors=(ours,),
        their_signers=(theirs,),
        their_encryption=(theirs,),
        limits=Limits(body_max=4 * 10**9),
    )


def as2_build(stage: dict[str, Any]) -> Told:
    """One message from a file to a file: signed with SHA-256, encrypted with AES-256-CBC. Its headers lie beside it."""
    from gateway.transport.as2.message import Part, build
    from gateway.transport.spool import Spool

    folder, path = Path(stage["folder"]), Path(stage["file"])
    terms = _terms(folder, "us", "them")
    part = Part(name="", content_type="application/edi-x12", source=lambda: path.open("rb"), size=path.stat().st_size)

    def act() -> None:
        outgoing = build([part], message_id="<bench@us>", terms=terms, at=datetime.now(UTC), spool=Spool)
        (folder / "ours.headers").write_text(json.dumps(outgoing.headers))
        with (folder / "ours.p7m").open("wb") as file:
            for piece in outgoing.chunks():
                file.write(piece)

    return _timed(act)


def as2_open(stage: dict[str, Any]) -> Told:
    """The message that ``as2_build`` made, from a file: received into a spool, opened, its document read to its end."""
    from gateway.transport.as2.message import open_message
    from gateway.transport.spool import Spool

    folder = Path(stage["folder"])
    terms = _terms(folder, "them", "us")
    headers = [tuple(each) for each in json.loads((folder / "ours.headers").read_text())]
    spool = partial(Spool, folder=folder)
    digest = hashlib.sha256()
    documents: list[Any] = []

    def act() -> None:
        body = spool()
        with (folder / "ours.p7m").open("rb") as file:
            while piece := file.read(PIECE):
                body.write(piece)
        documents.extend(open_message(headers, body, terms=terms, spool=spool, at=datetime.now(UTC)).parts)

    told = _timed(act)
    with documents[0].open() as content:
        while piece := content.read(PIECE):
            digest.update(piece)
    assert digest.hexdigest() == stage["digest"], "the document arrived altered"
    return told


def imported_as2(_: dict[str, Any]) -> Told:
    """A bare interpreter with the messages imported."""
    import gateway.transport.as2.message  # noqa: F401

    return {}


TASKS = {each.__name__: each for each in (imported_sftp, sftp_put, sftp_get, imported_as2, as2_build, as2_open)}


def main(task: str, stage: Path) -> None:
    told = TASKS[task](json.loads(stage.read_text()))
    print(json.dumps({**told, "peak_kib": _peak_kib()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

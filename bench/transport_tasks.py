"""What ``bench/transport.py`` measures, each in a process of its own: ``python bench/transport_tasks.py TASK STAGE``.

``STAGE`` is a JSON file: where the peers listen, which keys and files there are. Prints one line of JSON. CPU seconds
are those of this process, user and system; the peak is the most memory that it ever held, in KiB, from its start on.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from measuring import Told, peak_kib, timed

PIECE = 1 << 18


class Nothing:
    """Nothing was picked up before."""

    def has(self, key: str) -> bool:
        return False


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

    return timed(act)


def sftp_get(stage: dict[str, Any]) -> Told:
    """One file, connection, login and the second look included; every byte is looked at."""
    digest = hashlib.sha256()

    def act() -> None:
        with _mailbox(stage) as mailbox:
            assert not list(mailbox.fetch(Nothing()))
            for arrival in mailbox.fetch(Nothing()):
                while piece := arrival.payload.read(PIECE):
                    digest.update(piece)

    told = timed(act)
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

    return timed(act)


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

    told = timed(act)
    with documents[0].open() as content:
        while piece := content.read(PIECE):
            digest.update(piece)
    assert digest.hexdigest() == stage["digest"], "the document arrived altered"
    return told


def imported_as2(_: dict[str, Any]) -> Told:
    """A bare interpreter with the messages imported."""
    import gateway.transport.as2.message  # noqa: F401

    return {}


# --- The reactor -----------------------------------------------------------------------------------------------------

LOOK_S = 0.005


def _lateness(reactor: Any, transfer: Callable[[], object], stop: Callable[[], Any] = lambda: None) -> Told:
    """Runs blocking work in a thread and looks, every 5 ms, how late the reactor comes to look. Milliseconds.

    ``stop`` ends what runs in the reactor.
    """
    from twisted.internet.defer import maybeDeferred
    from twisted.internet.task import LoopingCall
    from twisted.internet.threads import deferToThread

    late: list[float] = []
    due = [0.0]

    def look() -> None:
        now = reactor.seconds()
        late.append(max(0.0, now - due[0]) * 1000)
        due[0] = now + LOOK_S

    def start() -> None:
        due[0] = reactor.seconds() + LOOK_S
        looking.start(LOOK_S, now=False)
        deferToThread(transfer).addErrback(failed.append).addCallback(over)

    def over(_: object) -> None:
        looking.stop()
        maybeDeferred(stop).addErrback(failed.append).addCallback(lambda _: reactor.stop())

    failed: list[Any] = []
    looking = LoopingCall(look)
    looking.clock = reactor
    reactor.callWhenRunning(start)
    reactor.run(installSignalHandlers=False)
    if failed:
        failed[0].raiseException()
    late.sort()
    at = [late[int(len(late) * share)] for share in (0.5, 0.99)]
    return {"looks": float(len(late)), "p50": at[0], "p99": at[1], "max": late[-1]}


def _reactor() -> Any:
    from twisted.internet import asyncioreactor

    asyncioreactor.install()
    from twisted.internet import reactor

    return reactor


def lateness_sftp(stage: dict[str, Any]) -> Told:
    """Eight mailboxes at once, four that put a file and four that get one."""
    from concurrent.futures import ThreadPoolExecutor

    reactor = _reactor()
    _mailbox(stage).close()  # A gateway has imported all of it long before.

    def one(number: int) -> None:
        with _mailbox(stage) as mailbox:
            if number % 2:
                with Path(stage["file"]).open("rb") as payload:
                    assert mailbox.send(f"ours-{number}.edi", payload).state == "delivered"
                return
            assert not list(mailbox.fetch(Nothing()))
            for arrival in mailbox.fetch(Nothing()):
                while arrival.payload.read(PIECE):
                    pass

    def transfer() -> None:
        with ThreadPoolExecutor(stage["transfers"]) as pool:
            list(pool.map(one, range(stage["transfers"])))

    return _lateness(reactor, transfer)


def lateness_idle(stage: dict[str, Any]) -> Told:
    """A reactor that does nothing, while OpenSSH's own clients do the same transfers: what the machine itself takes."""
    import subprocess

    reactor = _reactor()

    def transfer() -> None:
        batches = [stage["put"].replace("#", str(number)) if number % 2 else stage["get"].replace("#", str(number))
                   for number in range(stage["transfers"])]  # fmt: skip
        running = [subprocess.Popen(stage["client"], stdin=subprocess.PIPE) for _ in batches]
        for each, batch in zip(running, batches, strict=True):
            assert each.stdin is not None, "it is a pipe"
            each.stdin.write(batch.encode())
            each.stdin.close()
        assert [each.wait() for each in running] == [0] * len(running)

    return _lateness(reactor, transfer)


def lateness_as2(stage: dict[str, Any]) -> Told:
    """A whole listener, which opens and stores what eight senders of another process post at once."""
    import subprocess

    from gateway import logs
    from gateway.app import open_house, open_inbox
    from gateway.settings import Settings

    logs.configure("error", json=True)
    reactor = _reactor()
    house = open_house(Settings.load(Path(stage["config"])))
    inbox = open_inbox(house, reactor)
    inbox.startService()

    def transfer() -> None:
        subprocess.run([sys.executable, __file__, "as2_post", stage["stage"]], check=True, stdout=subprocess.DEVNULL)

    try:
        return _lateness(reactor, transfer, inbox.stopService)
    finally:
        with house.reading() as tx:
            taken = len(tx.documents.list(direction="in"))
        house.store.dispose()
        assert taken == stage["transfers"], f"{taken} messages were stored"


def as2_post(stage: dict[str, Any]) -> Told:
    """Posts prepared messages, all at once, as a partner would; each wants a good receipt."""
    from concurrent.futures import ThreadPoolExecutor
    from http.client import HTTPConnection

    def one(number: int) -> None:
        head = json.loads((Path(stage["folder"]) / f"{number}.headers").read_text())
        body = Path(stage["folder"]) / f"{number}.p7m"
        connection = HTTPConnection("127.0.0.1", stage["port"], timeout=300)
        with body.open("rb") as file:
            connection.request("POST", "/as2", file, {**dict(head), "Content-Length": str(body.stat().st_size)})
            answer = connection.getresponse()
            told = answer.read()
        assert answer.status == 200, (answer.status, told)
        assert b"processed" in told, "a receipt says what became of it"

    with ThreadPoolExecutor(stage["transfers"]) as pool:
        return timed(lambda: list(pool.map(one, range(stage["transfers"]))))


_SFTP = (imported_sftp, sftp_put, sftp_get, lateness_sftp, lateness_idle)
_AS2 = (imported_as2, as2_build, as2_open, lateness_as2, as2_post)
TASKS = {each.__name__: each for each in (*_SFTP, *_AS2)}


def main(task: str, stage: Path) -> None:
    told = TASKS[task](json.loads(stage.read_text()))
    print(json.dumps({**told, "peak_kib": peak_kib()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""Where the objects meet, once: a house from settings, and the service that runs it. Knows no command line."""

import os
import signal
import socket
from typing import Any, cast

from gateway import logs
from gateway.errors import GatewayError
from gateway.flow.house import House
from gateway.settings import Settings
from gateway.store import Keyring, Store

log = logs.get()


def open_store(settings: Settings, *, check: bool = True) -> Store:
    """The store that the settings name. Makes the data folder (mode 700) and, at the first start, the key file (600).

    Raises GatewayError where a database is there and its key file is not: with new keys nothing that is in it could be
    read or found again, and what was submitted before would be taken once more.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        fix = "Name another data folder, or see to its rights"
        what = f"the data folder cannot be made ({error.strerror})"
        raise GatewayError(what, where=str(settings.data), fix=fix) from error
    url, payloads = settings.database_url, settings.payloads
    if not settings.key_file.exists():
        bare = Store.open(url, payloads=payloads, keys=Keyring.create(), check=False)
        try:
            revision = bare.revision()
        finally:
            bare.dispose()
        if revision:
            raise GatewayError(
                "the key file is missing, and the database holds records that were sealed with it",
                where=str(settings.key_file),
                fix="Put the copy of the key file back; without it nobody can read these records",
            )
    keys = Keyring.load_or_create(settings.key_file)
    return Store.open(url, payloads=payloads, keys=keys, check=check, configuration=settings.digest)


def open_house(settings: Settings, *, actor: str = "gateway") -> House:
    """Everything that a journey needs. Raises StoreBehind where the schema is not this program's."""
    return House(settings=settings, store=open_store(settings), actor=actor)


def recover(house: House) -> int:
    """What this node held when it died becomes due at once, under a new fence: nothing waits for a lease to run out."""
    with house.store.transaction(house.everything()) as tx:
        released = tx.jobs.release_node(house.settings.node)
    if released:
        log.info("jobs.recovered", node=house.settings.node, jobs=released)
    return released


def serve(settings: Settings) -> int:
    """Runs workers, pollers and the drop folder until SIGTERM or SIGINT; stops when the jobs in hand are done."""
    house = open_house(settings)
    recover(house)
    from twisted.internet import asyncioreactor

    asyncioreactor.install()
    from twisted.internet import reactor as running

    reactor: Any = running
    from gateway.flow.service import Gateway

    _quieten_twisted()
    whole = Gateway(house, reactor)
    if settings.as2 is not None and settings.as2.listen:
        inbox = open_inbox(house, reactor)
        inbox.bind()
        inbox.setServiceParent(whole)
    reactor.callWhenRunning(whole.startService)
    reactor.callWhenRunning(_ready, settings)

    def stop(number: int, _: object) -> None:
        # Nothing is logged here: a signal may come while this very thread holds the log's lock.
        reactor.callFromThread(_stop, whole, reactor, number)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    reactor.run(installSignalHandlers=False)
    house.store.dispose()
    log.info("gateway.stopped", node=settings.node)
    return 0


def open_inbox(house: House, reactor: Any) -> Any:
    """The AS2 listener of the settings, as a service that listens nowhere yet. Raises SettingsInvalid."""
    from gateway.flow.as2_arrival import As2Door
    from gateway.web.as2_inbox import As2Inbox
    from gateway.web.as2_tls import Shown

    own = house.settings.as2
    assert own is not None, "who has no [as2] has no listener"
    shown = [
        Shown(
            chain=each.certificate.read(),
            key=each.key.reveal().encode(),
            passphrase=each.key_passphrase.reveal().encode() if each.key_passphrase else b"",
            hosts=each.hosts,
        )
        for each in own.tls
    ]
    door = As2Door(house)
    door.prepare()
    return As2Inbox(
        door,
        reactor,
        interface=own.listen,
        port=own.port,
        shown=shown,
        folder=house.settings.spool,
        header_max=own.header_max,
        body_max=own.body_max,
        connections_max=own.connections_max,
        idle_s=own.timeout_s,
        threads=house.settings.work.threads,
        clock=house.clock,
    )


def _quieten_twisted() -> None:
    """Twisted's own log may quote what it choked on: of a failure only its type and ours get through."""
    from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogBeginner

    def observe(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None or event.get("log_level") in (LogLevel.error, LogLevel.critical):
            kind = failure.type.__name__ if failure is not None and failure.type else "none"
            log.error("twisted.failed", error=kind)

    globalLogBeginner.beginLoggingTo([cast(ILogObserver, observe)], discardBuffer=True, redirectStandardIO=False)


def _stop(whole: Any, reactor: Any, number: int) -> None:
    log.info("gateway.stopping", signal=signal.Signals(number).name)
    notify("STOPPING=1")
    whole.stopService().addBoth(lambda _: reactor.stop())


def _ready(settings: Settings) -> None:
    log.info("gateway.ready", node=settings.node, partners=len(settings.partners))
    notify("READY=1")


def notify(state: str) -> None:
    """Tells systemd, where it listens (sd_notify(3)): one datagram to the socket that NOTIFY_SOCKET names."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        try:
            link.connect("\0" + address[1:] if address.startswith("@") else address)
            link.sendall(state.encode())
        except OSError:
            log.warning("systemd.unreachable")


def upgrade(settings: Settings) -> tuple[str, str]:
    """Brings the database's schema to this program's; the revisions before and after."""
    store = open_store(settings, check=False)
    try:
        before = store.revision()
        store.upgrade()
        return before or "empty", store.revision() or ""
    finally:
        store.dispose()

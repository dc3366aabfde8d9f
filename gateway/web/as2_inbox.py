"""The AS2 listener: its own port, its own TLS, its own limits. Messages go to the door that it was given.

Stops by finishing what is in hand. The reactor only moves bytes: spooling, opening and storing happen in threads.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application import service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.internet.threads import deferToThreadPool
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.threadpool import ThreadPool

from gateway import logs
from gateway.errors import GatewayError
from gateway.flow.as2_door import Door, TurnedAway
from gateway.transport.spool import Spool
from gateway.web.as2_channel import As2Channel
from gateway.web.as2_partials import Key, Partials
from gateway.web.as2_request import As2Request
from gateway.web.as2_spooling import InThread
from gateway.web.as2_tls import Reception, Shown

log = logs.get()

CONNECTIONS_OF_ADDRESS_MAX = 25  # with TLS of our own; without, all of them come from one proxy
IN_HAND_MAX = 4  # times the largest message, of all bodies together that have come and are not done with
SPOOLING_THREADS = 2
STOP_S = 60.0  # Then what is still in hand is cut off; its sender comes again.
_CROWDED = TurnedAway(code=503, kind="too_many_connections", what="Too many connections")


def utc_now() -> datetime:
    return datetime.now(UTC)


class As2Inbox(ServerFactory, service.Service):
    """``bind`` first, which raises GatewayError where the port is taken; then it is a service like any other."""

    protocol = As2Channel

    def __init__(
        self,
        door: Door,
        reactor: Any,
        *,
        interface: str,
        port: int,
        shown: Sequence[Shown] = (),
        folder: Path | None = None,
        header_max: int = 16_000,
        body_max: int = 2 * 10**9,
        connections_max: int = 100,
        idle_s: float = 120.0,
        threads: int = 4,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.door = door
        self.header_max = header_max
        self.in_hand = 0
        self.in_hand_max = IN_HAND_MAX * body_max
        self.idle_s = idle_s
        self.live: dict[Key, As2Request] = {}
        self.partials = Partials(bytes_max=body_max, clock=reactor.seconds)
        self.new_spool = partial(Spool, folder=folder)
        self._reactor = reactor
        self._interface, self._port = interface, port
        self._reception = Reception(shown, clock) if shown else None
        self._connections_max = connections_max
        self._of_address_max = CONNECTIONS_OF_ADDRESS_MAX if shown else connections_max
        self._channels: set[As2Channel] = set()
        self._addresses: Counter[str] = Counter()
        self._stopping: Deferred[None] | None = None
        self._pools = [ThreadPool(1, count, name="as2") for count in (SPOOLING_THREADS, threads)]
        self.spooling: InThread = partial(deferToThreadPool, reactor, self._pools[0])
        self.opening: InThread = partial(deferToThreadPool, reactor, self._pools[1])
        self._listening: Any = None

    # A service.

    def bind(self) -> None:
        """Take the port."""
        factory = self if self._reception is None else _Secure(self, self._reception, self._reactor)
        try:
            self._listening = self._reactor.listenTCP(self._port, factory, interface=self._interface)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or type(error.socketError).__name__
            where = f"conf/gateway.toml, [as2], {self._interface}:{self._port}"
            fix = "Stop what listens there, or name another address or port"
            raise GatewayError(f"nobody can listen there ({reason})", where=where, fix=fix) from error

    @property
    def port(self) -> int:
        """The one that was taken, where 0 was asked for."""
        return int(self._listening.getHost().port)

    def startService(self) -> None:
        super().startService()
        if self._listening is None:
            self.bind()
        for pool in self._pools:
            pool.start()
        log.info("as2.listening", port=self.port, transport="tls" if self._reception else "plain")

    def stopService(self) -> "Deferred[Any]":
        """Takes no new connection, finishes what is in hand, then hangs up."""
        super().stopService()
        self._stopping = Deferred()
        closed = self._listening.stopListening()
        timer = self._reactor.callLater(STOP_S, self._cut_off)
        for channel in list(self._channels):
            channel.persistent = False
            if channel.idle:
                channel.loseConnection()
        self._perhaps_stopped()
        waited = self._stopping.addCallback(lambda _: timer.active() and timer.cancel())
        return waited.addCallback(lambda _: closed).addCallback(self._end)

    def _cut_off(self) -> None:
        for channel in list(self._channels):
            channel.forceAbortClient()

    def _perhaps_stopped(self) -> None:
        if self._stopping is not None and not self._channels and not self._stopping.called:
            self._stopping.callback(None)

    def _end(self, result: object) -> object:
        for pool in self._pools:
            pool.stop()
        self.partials.close()
        return result

    # A factory.

    def room_for(self, address: Any) -> bool:
        """Whether one more connection from there may be."""
        if self._stopping is not None:
            return False
        host = str(getattr(address, "host", ""))
        if len(self._channels) < self._connections_max and self._addresses[host] < self._of_address_max:
            return True
        self.turned_away(_CROWDED, host)
        return False

    def buildProtocol(self, address: Any) -> As2Channel | None:
        if self._reception is None and not self.room_for(address):
            return None
        channel = As2Channel()
        channel.factory = self
        channel.requestFactory = As2Request
        channel.callLater = self._reactor.callLater
        channel.timeOut = self.idle_s
        return channel

    def opened(self, channel: As2Channel) -> None:
        self._channels.add(channel)
        self._addresses[channel.address] += 1

    def closed(self, channel: As2Channel) -> None:
        self._channels.discard(channel)
        self._addresses[channel.address] -= 1
        if not self._addresses[channel.address]:
            del self._addresses[channel.address]
        self._perhaps_stopped()

    def turned_away(self, why: TurnedAway, address: str) -> None:
        log.info("as2.turned_away", kind=why.kind, status=str(why.code), partner=why.partner, address=address)
        self.opening(self.door.turned_away, why, address)  # Never behind whom bodies wait: the database may be slow.

    def log(self, request: object) -> None:
        """Twisted's access log would write paths and names; our own events say what counts."""


class _Secure(TLSMemoryBIOFactory):
    """TLS in front of the listener. It takes no answer of None from what it wraps, so that room is asked for here."""

    def __init__(self, inbox: As2Inbox, reception: Any, reactor: Any) -> None:
        wrapped: Any = inbox
        super().__init__(reception, False, wrapped, clock=reactor)
        self._inbox = inbox

    def buildProtocol(self, address: Any) -> Any:
        return super().buildProtocol(address) if self._inbox.room_for(address) else None

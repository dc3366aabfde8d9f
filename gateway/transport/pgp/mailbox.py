"""A mailbox whose files are OpenPGP messages: the mailbox below moves them, this one wraps and opens them.

Never hands on content whose signature is not proved. Encrypting twice gives other bytes of the same content, so a file
that was sent is known again by its name alone.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Self, cast

from gateway.errors import Finding, GatewayError, PartnerUnreachable
from gateway.transport.base import Arrival, Check, Outcome, Transport
from gateway.transport.pgp.keyring import Keyring, Unreadable
from gateway.transport.pgp.settings import PgpSettings
from gateway.transport.pickup import Listed, Seen, left_lying


class PgpMailbox:
    """See ``base.Transport``."""

    def __init__(self, below: Transport, settings: PgpSettings) -> None:
        self.findings: list[Finding] = []
        self._below, self._settings = below, settings
        self._keyring = Keyring(settings)
        self._unreadable: dict[str, Finding] = {}  # By the file's key: what can't be opened is fetched once.

    def send(self, name: str, payload: BinaryIO, size: int | None = None, *, reference: str = "") -> Outcome:
        if not self._settings.encrypt_to:
            return self._below.send(name, payload, size, reference=reference)
        with self._keyring.encrypt(payload, size) as sealed:
            return self._below.send(name, cast(BinaryIO, sealed), sealed.size, reference=reference)

    def fetch(self, seen: Seen) -> Iterator[Arrival]:
        self.findings = []
        unreadable, self._unreadable = self._unreadable, {}
        try:
            for each in self._below.fetch(seen):
                if not self._settings.decrypt:
                    yield each
                elif each.key in unreadable:
                    self._unreadable[each.key] = unreadable[each.key]
                else:
                    yield from self._opened(each)
        finally:
            self.findings = [*self._below.findings, *self._unreadable.values()]

    def _opened(self, arrival: Arrival) -> Iterator[Arrival]:
        try:
            plain = self._keyring.decrypt(arrival.payload, arrival.listed.without_name)
        except Unreadable as error:
            self._unreadable[arrival.key] = left_lying(arrival.listed, error.what, fix=error.fix)
            return
        except PartnerUnreachable:
            return  # It changed, or its connection ended: it comes again.
        with plain:
            yield replace(arrival, payload=cast(BinaryIO, plain), size=plain.size)

    def confirm(self, arrival: Arrival) -> None:
        self._below.confirm(arrival)

    def listing(self) -> tuple[Listed, ...]:
        """Sizes are those of the files, and no document's."""
        return self._below.listing()

    def probe(self, *, writing: bool = False) -> list[Check]:
        try:
            checks = [Check("pgp", True, f"{self._keyring.check()} can be used")]
        except GatewayError as error:
            return [Check("pgp", False, str(error))]
        return [*checks, *self._below.probe(writing=writing)]

    def close(self) -> None:
        self._keyring.close()
        self._below.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

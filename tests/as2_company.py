"""EXAMPLECLEAR's end of a wire: scripts for a web server that open what NORTHSIDE posts, and answer with receipts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import pytest
from as2_server import Exchange, Script, Site, site
from as2_stage import X12, agreed, arrived, mirrored
from cms_keys import NOW

from gateway.transport.as2 import As2Settings, As2Transport
from gateway.transport.as2.disposition import PROCESSED, Disposition
from gateway.transport.as2.mdn import build_mdn
from gateway.transport.as2.message import Mic, Opened
from gateway.transport.as2.restart import FROM_BYTES
from gateway.transport.as2.terms import Terms
from gateway.transport.base import Outcome, Proof

LARGE = X12 * (3 * FROM_BYTES // len(X12))
REFERENCE = "do_NzUkywi8N8jmgVC9V1CLpQ"
RECEIPT_ID = "<receipt-1@exampleclear.example>"


@dataclass
class Company:
    """Both ends: our transport to ``site``, and what the company there took."""

    site: Site
    taken: list[Opened] = field(default_factory=list)

    def transport(self, terms: Terms | None = None, **more: Any) -> As2Transport:
        own = {key: more.pop(key) for key in ("before", "announced", "wait") if key in more}
        settings = As2Settings(**{"terms": terms or agreed(), "url": self.site.url, "timeout_s": 5.0, **more})
        return As2Transport(settings, now=lambda: NOW, **own)

    def send(
        self, payload: bytes = X12, terms: Terms | None = None, *, name: str = "837_1.edi", **more: Any
    ) -> Outcome:
        with self.transport(terms, **more) as transport:
            return transport.send(name, BytesIO(payload), len(payload), reference=REFERENCE)

    def opens(self, exchange: Exchange, terms: Terms, **changes: Any) -> Opened:
        opened = arrived(exchange.headers, exchange.body, terms, **changes)
        self.taken.append(opened)
        return opened

    def answers(
        self,
        terms: Terms | None = None,
        disposition: Disposition = PROCESSED,
        *,
        mic: Callable[[Mic], Mic | None] = lambda mic: mic,
        signed: bool | None = None,
        message_id: str = "",
        wire: Callable[[list[tuple[str, str]], bytes], bytes] | None = None,
        **changes: Any,
    ) -> Callable[[Exchange], None]:
        """Takes a message and gives its receipt; ``changes`` are of the company's own terms.

        ``wire`` writes the answer out by hand; the connection is closed after it.
        """
        agreed_on = terms or agreed()

        def script(exchange: Exchange) -> None:
            exchange.read()
            opened = self.opens(exchange, agreed_on, **changes)
            wanted = opened.mdn_wanted
            assert wanted is not None
            wanted = replace(
                wanted,
                signed=wanted.signed if signed is None else signed,
                message_id=message_id or wanted.message_id,
            )
            made = build_mdn(
                wanted,
                disposition,
                mic(opened.mic),
                terms=mirrored(agreed_on, **changes),
                at=NOW,
                message_id=RECEIPT_ID,
            )
            body = b"".join(made.chunks())
            if wire is None:
                exchange.answer(200, dict(made.headers), body)
            else:
                exchange.write(wire(made.headers, body))
                exchange.drop()

        return script


@pytest.fixture
def company() -> Iterator[Company]:
    with site() as made:
        yield Company(made)


def says(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Script:
    """Takes all, and answers so."""

    def script(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(status, headers, body)

    return script


def proves(outcome: Outcome) -> Proof:
    assert outcome.receipt is not None
    return outcome.receipt.state

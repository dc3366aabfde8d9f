"""A partner with other software, over a real connection: our transport posts, it opens and answers with its receipt."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import as2_running
import pytest
from as2_ours import Ours
from as2_peers import Opened, Peer, Receipt, keys_in
from as2_running import STARTS
from as2_server import Exchange, Script, Site, site

from gateway.transport.as2 import As2Settings, As2Transport
from gateway.transport.base import Proof, Sent

WORDS = "automatic-action/MDN-sent-automatically; "
PAYLOADS = (b"ISA*00~\n", bytes(range(256)) * 5000, b"")
SMALL = (b"ISA*00~\n", bytes(range(256)) * 100, b"")  # libas2 hands a message over as arguments of one call.
AGREED: dict[str, list[dict[str, Any]]] = {
    "BouncyCastle": [
        {"sign": "sha256", "encrypt": "aes256-cbc"},
        {"sign": "sha512", "pss": True, "encrypt": "aes256-gcm", "key_transport": "oaep-sha256", "compress": "before"},
        {"sign": "sha384", "encrypt": "", "compress": "after", "mdn_signed": False},
    ],
    "OpenSSL": [
        {"sign": "sha256", "encrypt": "aes256-cbc"},
        {"sign": "sha512", "pss": True, "encrypt": "aes128-gcm", "key_transport": "oaep-sha1", "mdn_signed": False},
    ],
    "libas2": [{"sign": "sha256", "encrypt": "aes256-cbc", "transfer_encoding": "base64"}],
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def peers(keys: Path) -> Iterator[dict[str, Peer]]:
    with as2_running.running(keys) as started:
        yield started


@pytest.fixture
def partner() -> Iterator[Site]:
    with site() as made:
        yield made


def answering(peer: Peer, taken: list[Opened], words: str = "processed", *, signed: str = "sha256") -> Script:
    """The partner's server: what comes is opened by the peer, whose receipt is the answer."""

    def script(exchange: Exchange) -> None:
        exchange.read()
        lines = "".join(f"{name}: {value}\r\n" for name, value in exchange.headers)
        opened = peer.open(f"{lines}\r\n".encode() + exchange.body, me="them", you="us")
        taken.append(opened)
        told = Receipt(
            message_id=exchange.get("Message-ID"),
            disposition=WORDS + words,
            mic=opened.mic,
            mic_algorithm=opened.mic_algorithm,
            signed=signed if "Disposition-Notification-Options" in dict(exchange.headers) else "",
        )
        head, _, body = peer.build_mdn(told, me="them", you="us").partition(b"\r\n\r\n")
        unfolded = head.decode().replace("\r\n\t", " ").replace("\r\n ", " ").split("\r\n")
        pairs = [line.partition(": ") for line in unfolded]
        exchange.answer(200, {name: value for name, _, value in pairs}, body)

    return script


def posting(keys: Path, partner: Site, **wanted: Any) -> As2Transport:
    settings = As2Settings(terms=Ours(keys).terms("us", "them", **wanted), url=partner.url, timeout_s=30.0)
    return As2Transport(settings, now=lambda: datetime.now(UTC))


@pytest.mark.parametrize("name", STARTS)
def test_a_receipt_of_other_software_proves_a_delivery(
    peers: dict[str, Peer], keys: Path, partner: Site, name: str
) -> None:
    taken: list[Opened] = []
    partner.then(answering(peers[name], taken))
    for wanted in AGREED[name]:
        for number, payload in enumerate(SMALL if name == "libas2" else PAYLOADS):
            with posting(keys, partner, **wanted) as transport:
                outcome = transport.send("837_1.edi", io.BytesIO(payload), reference=f"do_{number}")
            assert outcome.receipt is not None
            assert (outcome.state, outcome.reason, outcome.receipt.state) == (Sent.DELIVERED, "", Proof.RECEIVED)
            assert (taken[-1].payload, taken[-1].name) == (payload, "837_1.edi")
            assert outcome.receipt.mic == taken[-1].mic


@pytest.mark.parametrize("name", STARTS)
def test_a_receipt_of_other_software_that_says_no_refuses_the_document(
    peers: dict[str, Peer], keys: Path, partner: Site, name: str
) -> None:
    words = "processed/error: insufficient-message-security"
    partner.then(answering(peers[name], [], words))
    with posting(keys, partner, transfer_encoding="base64") as transport:
        outcome = transport.send("837_1.edi", io.BytesIO(b"ISA*00~"), reference="do_1")
    assert outcome.state == Sent.REFUSED
    assert "insufficient-message-security" in outcome.reason


@pytest.mark.parametrize("name", STARTS)
def test_an_unsigned_receipt_of_other_software_proves_nothing_where_a_signed_one_was_asked_for(
    peers: dict[str, Peer], keys: Path, partner: Site, name: str
) -> None:
    partner.then(answering(peers[name], [], signed=""))
    with posting(keys, partner, transfer_encoding="base64") as transport:
        outcome = transport.send("837_1.edi", io.BytesIO(b"ISA*00~"), reference="do_1")
    assert outcome.state != Sent.DELIVERED
    assert outcome.receipt is not None
    assert outcome.receipt.state != Proof.RECEIVED

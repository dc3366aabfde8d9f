"""A partner with other software sends to our listener, over a real connection: all of us, from the socket to the store.

It believes our receipts, gets the same one for the same message again, and is told why where its message is refused.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import as2_running
import pytest
from as2_house import As2Stage, as2_stage
from as2_lines import Line, Listening, Reply, listening
from as2_peers import Built, Peer, Wish, keep_pair
from as2_running import STARTS
from as2_stage import X12
from cms_keys import made
from conftest import Clock
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flow_stage import on_sqlite
from openssl_peer import split

from gateway.store import Store

pytestmark = on_sqlite
MESSAGE_ID = "<1@exampleclear.example>"
MIC = "sha-256"
BOTH = Wish(sign="sha256", encrypt="aes256-cbc")
SENT = {
    "BouncyCastle": [
        BOTH,
        replace(BOTH, encoding="8bit", compress="before", wrap="base64"),
        replace(BOTH, pss=True, encrypt="aes256-gcm", transport="oaep-sha256", compress="after", keyid=True),
    ],
    "OpenSSL": [BOTH, replace(BOTH, encoding="", ber=True), replace(BOTH, encrypt="aes128-gcm", wrap="base64")],
    "libas2": [BOTH],
}


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Peer]]:
    """EXAMPLECLEAR's software has its key pair as ``them``, and our certificate as ``us``; ``other`` is nobody's."""
    folder = tmp_path_factory.mktemp("keys")
    for name, kept in {"us": "rsa-northside", "them": "rsa-exampleclear", "other": "rsa-stranger"}.items():
        pair = made(kept)
        key = load_pem_private_key(pair.key_pem.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        keep_pair(folder, name, key, x509.load_pem_x509_certificate(pair.certificate_pem.encode()))
    with as2_running.running(folder) as started:
        yield started


@pytest.fixture
def near(store: Store, clock: Clock, tmp_path: Path) -> As2Stage:
    return as2_stage(store, clock, tmp_path)


@pytest.fixture
def listener(near: As2Stage) -> Iterator[Listening]:
    with listening(near.door) as started:
        yield started


def post(line: Line, built: Built, message_id: str) -> Reply:
    """The entity as a request: its headers beside those of AS2."""
    headers, body = split(built.entity)
    for left_out in ("message-id", "date", "mime-version"):
        headers.pop(left_out, "")
    ours = {
        "AS2-Version": "1.2",
        "AS2-From": "EXAMPLECLEAR",
        "AS2-To": "NORTHSIDE",
        "Message-ID": message_id,
        "Disposition-Notification-To": "edi@exampleclear.example",
        "Disposition-Notification-Options": "signed-receipt-protocol=required, pkcs7-signature; "
        f"signed-receipt-micalg=required, {MIC}",
    }
    line.request("POST", {**ours, **headers}, body)
    return line.reply()


def whole(reply: Reply) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items()).encode() + b"\r\n" + reply.body


@pytest.mark.parametrize("name", STARTS)
def test_what_other_software_sends_is_stored_and_it_believes_our_receipt(
    near: As2Stage, listener: Listening, peers: dict[str, Peer], name: str
) -> None:
    peer, expected = peers[name], []
    with listener.line() as line:
        for number, wish in enumerate(SENT[name]):
            payload = X12.replace(b"000000001", b"%09d" % number)
            built = peer.build(payload, wish)
            reply = post(line, built, f"<{number}@exampleclear.example>")
            assert reply.status == 200
            read = peer.read_mdn(whole(reply), me="them", you="us")
            assert read.disposition.endswith("; processed")
            assert (read.message_id, read.mic, read.mic_algorithm) == (
                f"<{number}@exampleclear.example>", built.mic, MIC,
            )  # fmt: skip
            assert read.signed == "sha256"
            expected.append(payload)
    assert near.contents() == expected


@pytest.mark.parametrize("name", STARTS)
def test_case_8_a_resend_by_other_software_gets_the_stored_receipt_and_is_delivered_once(
    near: As2Stage, listener: Listening, peers: dict[str, Peer], name: str
) -> None:
    built = peers[name].build(X12, BOTH)
    with listener.line() as line:
        replies = [post(line, built, MESSAGE_ID) for _ in range(2)]
    assert [each.status for each in replies] == [200, 200]
    assert replies[0].body == replies[1].body
    assert near.contents() == [X12]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (replace(BOTH, me="other"), "authentication-failed"),
        (replace(BOTH, you="other"), "decryption-failed"),
        (replace(BOTH, sign=""), "insufficient-message-security"),
        (replace(BOTH, encrypt=""), "insufficient-message-security"),
        (replace(BOTH, sign="sha1"), "insufficient-message-security"),
        (replace(BOTH, encrypt="3des"), "insufficient-message-security"),
    ],
    ids=["another signer", "for another", "unsigned", "unencrypted", "sha1", "3des"],
)
@pytest.mark.parametrize("name", ["BouncyCastle", "OpenSSL"])
def test_case_5_other_software_is_told_why_its_message_is_refused(
    near: As2Stage, listener: Listening, peers: dict[str, Peer], name: str, wish: Wish, why: str
) -> None:
    with listener.line() as line:
        read = peers[name].read_mdn(whole(post(line, peers[name].build(X12, wish), MESSAGE_ID)), me="them", you="us")
        assert why in read.disposition
        assert read.signed == "sha256"
        post(line, peers[name].build(X12, BOTH), "<2@exampleclear.example>")
    assert near.contents() == [X12], "the partner's other traffic goes on"

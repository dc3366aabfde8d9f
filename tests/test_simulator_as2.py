"""The simulator as an AS2 partner meets it: over real sockets, with ``openssl cms`` at the other end."""

import base64
import hashlib
import http.client
import itertools
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import as2_partner
import pytest
from as2_partner import (
    NAMES,
    SIGNED_SYNC,
    Came,
    Keys,
    Receiver,
    Reply,
    compress,
    encrypt,
    entity,
    fields,
    halves,
    make_keys,
    receipt,
    send,
    sign,
    verified,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from simulator_partner import Bench

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.faults import Faults
from gateway.simulator.as2.identity import Identity, identity
from gateway.simulator.as2.message import open_message, outermost
from gateway.simulator.as2.office import Office

PAYLOAD = b"ISA*00*some\nbytes*~\r"
ONE = "<one@gateway.example>"
PROCESSED = "automatic-action/MDN-sent-automatically; processed"


@dataclass
class Far:
    """A simulator in this process: its mailroom beats when told, its listener has a real port."""

    bench: Bench
    office: Office
    port: int
    partner: Keys
    folder: Path

    @property
    def certificate(self) -> Path:
        return self.office.own.certificate_file

    def inbound(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.bench.mailroom.inbound.iterdir())]

    def message(self, payload: bytes = PAYLOAD) -> bytes:
        return encrypt(sign(entity(payload), self.partner), self.certificate)

    def deeds(self) -> list[dict[str, str]]:
        self.bench.mailroom.beat()
        return [json.loads(line) for line in (self.folder / "journal.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("partner"), "partner")


@pytest.fixture
def agreement(partner: Keys) -> Agreement:
    return Agreement(
        partner_certificates=(x509.load_pem_x509_certificate(partner.certificate.read_bytes()),),
        late_s=0.05,
        slow_s=0.05,
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an identity that the simulators of all tests start with: making keys takes long."""
    folder = tmp_path_factory.mktemp("identity") / "as2"
    identity(folder, "SIMPAYER")
    identity(folder / "stranger", "STRANGER")
    return folder


@contextmanager
def started(folder: Path, partner: Keys, agreement: Agreement, kept: Path) -> Iterator[Far]:
    """A simulator on a folder, which may be one that another has left behind."""
    if not (folder / "as2").exists():
        shutil.copytree(kept, folder / "as2")
    bench = Bench(folder)
    office = Office(folder, agreement, bench.clock)
    try:
        port = office.open(sending=False)["as2_port"]
        assert isinstance(port, int)
        yield Far(bench, office, port, partner, folder)
    finally:
        office.close()
        bench.mailroom.close()


Start = Callable[[Agreement], Far]


@pytest.fixture
def start(tmp_path: Path, partner: Keys, kept: Path) -> Iterator[Start]:
    """Starts simulators, each on a folder of its own."""
    with ExitStack() as stack:
        count = itertools.count()

        def begin(agreement: Agreement) -> Far:
            return stack.enter_context(started(tmp_path / str(next(count)), partner, agreement, kept))

        yield begin


@pytest.fixture
def far(start: Start, agreement: Agreement) -> Far:
    return start(agreement)


def mic(covered: bytes, digest: str = "sha256") -> str:
    return base64.b64encode(hashlib.new(digest, covered).digest()).decode()


# Taking messages.


def test_a_message_is_taken_once_and_its_signed_receipt_tells_the_mic(far: Far) -> None:
    answer = send(far.port, ONE, far.message())
    assert answer.status == 200
    assert answer.report["Disposition"] == PROCESSED
    assert answer.report["Original-Message-ID"] == ONE
    assert answer.report["Received-Content-MIC"] == f"{mic(entity(PAYLOAD))}, sha-256"
    assert (answer.headers["AS2-From"], answer.headers["AS2-To"]) == ("SIMPAYER", "GATEWAY")
    assert b"Original-Message-ID" in answer.verified(far.certificate, far.folder)
    again = send(far.port, ONE, far.message())
    assert again.content == answer.content
    assert far.inbound() == [PAYLOAD]
    assert [each["did"] for each in far.deeds()][:2] == ["as2_received", "as2_repeated"]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r", b"\r\n", b"\r\n\r\n", b"\x00\xff"])
def test_a_payload_arrives_byte_for_byte(far: Far, ending: bytes) -> None:
    answer = send(far.port, ONE, far.message(b"ISA" + ending))
    assert answer.report["Received-Content-MIC"] == f"{mic(entity(b'ISA' + ending))}, sha-256"
    assert far.inbound() == [b"ISA" + ending]


@pytest.mark.parametrize(("digest", "told"), [("sha384", "sha-384"), ("sha512", "sha-512")])
def test_the_mic_has_the_digest_of_the_signature(far: Far, digest: str, told: str) -> None:
    whole = encrypt(sign(entity(PAYLOAD), far.partner, digest), far.certificate, "aes-128-cbc")
    assert send(far.port, ONE, whole).report["Received-Content-MIC"] == f"{mic(entity(PAYLOAD), digest)}, {told}"


def test_pss_and_key_identifiers_are_understood(far: Far) -> None:
    whole = sign(entity(PAYLOAD), far.partner, "sha256", "-keyid", pss=True)
    assert send(far.port, ONE, encrypt(whole, far.certificate)).report["Disposition"] == PROCESSED


def test_compression_inside_or_outside_of_the_signature(far: Far) -> None:
    inside, packed = entity(PAYLOAD), compress(entity(PAYLOAD))
    for message_id, whole, covered in (
        ("<before@gateway.example>", sign(packed, far.partner), packed),
        ("<after@gateway.example>", compress(sign(inside, far.partner)), inside),
    ):
        answer = send(far.port, message_id, encrypt(whole, far.certificate))
        assert answer.report["Received-Content-MIC"] == f"{mic(covered)}, sha-256"
    assert far.inbound() == [PAYLOAD, PAYLOAD]


def test_without_a_signature_the_mic_is_over_what_the_rfcs_say(start: Start, agreement: Agreement) -> None:
    """RFC 4130, 7.3.1; RFC 5402, 3."""
    far = start(replace(agreement, require_signature=False, require_encryption=False))
    inside = entity(PAYLOAD)
    for message_id, whole, covered in (
        ("<bare@gateway.example>", inside, PAYLOAD),
        ("<encrypted@gateway.example>", encrypt(inside, far.certificate), inside),
        ("<compressed@gateway.example>", compress(inside), inside),
    ):
        assert send(far.port, message_id, whole).report["Received-Content-MIC"] == f"{mic(covered)}, sha-256"
    assert far.inbound() == [PAYLOAD, PAYLOAD, PAYLOAD]


def test_attachments_become_one_file_each(far: Far) -> None:
    parts = b"".join(b"--x\r\n" + entity(each) + b"\r\n" for each in (b"ISA*1", b"ISA*2"))
    whole = b"Content-Type: multipart/related; boundary=x\r\n\r\n" + parts + b"--x--\r\n"
    send(far.port, ONE, encrypt(sign(whole, far.partner), far.certificate))
    assert far.inbound() == [b"ISA*1", b"ISA*2"]


def test_a_body_in_chunks_is_taken(far: Far) -> None:
    whole = far.message()
    connection = http.client.HTTPConnection("127.0.0.1", far.port, timeout=20)
    body = halves(whole)[1]
    pieces = (body[at : at + 1000] for at in range(0, len(body), 1000))
    connection.request("POST", "/as2", pieces, fields(ONE, whole, SIGNED_SYNC), encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert far.inbound() == [PAYLOAD]


# Refusing them.


def refusals(far: Far, stranger: Keys) -> dict[str, tuple[bytes, str]]:
    """Messages that must not be taken, and the disposition that each gets."""
    good = sign(entity(PAYLOAD), far.partner)
    bomb = compress(entity(bytes(far.office.agreement.body_max + 1)))
    return {
        "not encrypted": (good, "insufficient-message-security"),
        "not signed": (encrypt(entity(PAYLOAD), far.certificate), "insufficient-message-security"),
        "signed by a stranger": (
            encrypt(sign(entity(PAYLOAD), stranger), far.certificate),
            "authentication-failed",
        ),
        "altered": (encrypt(good.replace(b"ISA*00", b"ISA*01"), far.certificate), "integrity-check-failed"),
        "for somebody else": (encrypt(good, stranger.certificate), "decryption-failed"),
        "no signature in it": (
            encrypt(
                good.replace(b"application/pkcs7-signature", b"text/plain", 1)[:300] + b"\r\n--=b o=?--",
                far.certificate,
            ),
            "authentication-failed",
        ),
        "a digest of old": (
            encrypt(sign(entity(PAYLOAD), far.partner, "sha1"), far.certificate),
            "insufficient-message-security",
        ),
        "a bomb": (encrypt(sign(bomb, far.partner), far.certificate), "decompression-failed"),
        "no CMS": (b"Content-Type: application/pkcs7-mime\r\n\r\nnot DER", "unexpected-processing-error"),
    }


def test_what_cannot_be_trusted_is_refused_by_the_disposition_of_the_rfc(
    start: Start, agreement: Agreement, tmp_path: Path
) -> None:
    far, stranger = start(replace(agreement, body_max=100_000)), make_keys(tmp_path, "stranger")
    told = {}
    expected = {}
    for number, (what, (whole, modifier)) in enumerate(refusals(far, stranger).items()):
        told[what] = send(far.port, f"<{number}@gateway.example>", whole).report["Disposition"]
        expected[what] = f"{PROCESSED}/error: {modifier}"
    assert told == expected
    assert far.inbound() == []
    assert send(far.port, "<1@gateway.example>", far.message()).report["Disposition"] == PROCESSED
    assert {each["did"] for each in far.deeds()[:-1]} == {"as2_refused", "as2_received"}


def test_what_is_not_of_this_partner_gets_no_receipt(start: Start, agreement: Agreement) -> None:
    far = start(replace(agreement, body_max=100_000, partner="GATE WAY"))
    head = fields(ONE, far.message(), SIGNED_SYNC)
    named = {**head, "AS2-From": '"GATE WAY"'}
    body = halves(far.message())[1]
    assert as2_partner.post(far.port, head, body).status == 403
    assert as2_partner.post(far.port, {**named, "Message-ID": "none"}, body).status == 400
    assert as2_partner.post(far.port, named, body, "/other").status == 404
    assert as2_partner.post(far.port, named, bytes(100_001)).status == 413
    assert far.inbound() == []
    assert as2_partner.post(far.port, named, body).report["Disposition"] == PROCESSED


# Faults, as a partner sees them.


def with_faults(agreement: Agreement, *incoming: str) -> Agreement:
    return replace(agreement, faults=Faults(incoming=incoming))


def test_a_busy_company_says_when_to_come_again(start: Start, agreement: Agreement) -> None:
    far = start(with_faults(agreement, "busy"))
    answer = send(far.port, ONE, far.message())
    assert (answer.status, answer.headers["Retry-After"], far.inbound()) == (503, "1", [])
    assert send(far.port, ONE, far.message()).report["Disposition"] == PROCESSED
    assert far.inbound() == [PAYLOAD]


def test_a_connection_cut_in_the_middle_of_the_request_takes_nothing(start: Start, agreement: Agreement) -> None:
    far = start(with_faults(agreement, "cut_request"))
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        send(far.port, ONE, far.message())
    assert far.inbound() == []
    assert send(far.port, ONE, far.message()).report["Disposition"] == PROCESSED


def test_after_a_connection_cut_in_the_middle_of_the_response_the_stored_receipt_comes(
    start: Start, agreement: Agreement
) -> None:
    far = start(with_faults(agreement, "cut_response cut_response"))
    partial = []
    for _ in range(2):
        with pytest.raises(http.client.IncompleteRead) as cut:
            send(far.port, ONE, far.message())
        partial.append(cut.value.partial)
    answer = send(far.port, ONE, far.message())
    assert all(answer.content.startswith(each) for each in partial)
    assert 0 < len(partial[0]) < len(answer.content)
    assert far.inbound() == [PAYLOAD]


def test_no_receipt_and_then_the_one_that_was_owed(start: Start, agreement: Agreement) -> None:
    far = start(with_faults(agreement, "no_mdn"))
    assert send(far.port, ONE, far.message()).content == b""
    assert send(far.port, ONE, far.message()).report["Disposition"] == PROCESSED
    assert far.inbound() == [PAYLOAD]


@pytest.mark.parametrize("fault", ["late_mdn", "slow"])
def test_a_slow_company_answers_well_in_the_end(start: Start, agreement: Agreement, fault: str) -> None:
    far = start(with_faults(agreement, fault))
    begun = time.monotonic()
    assert send(far.port, ONE, far.message()).report["Disposition"] == PROCESSED
    assert time.monotonic() - begun >= 0.05
    assert far.inbound() == [PAYLOAD]


def test_a_wrong_mic_is_signed_well(start: Start, agreement: Agreement) -> None:
    far = start(with_faults(agreement, "wrong_mic"))
    answer = send(far.port, ONE, far.message())
    answer.verified(far.certificate, far.folder)
    assert answer.report["Disposition"] == PROCESSED
    assert answer.report["Received-Content-MIC"] != f"{mic(entity(PAYLOAD))}, sha-256"
    assert answer.report["Received-Content-MIC"].endswith(", sha-256")


def test_a_wrong_signer_tells_the_right_mic(start: Start, agreement: Agreement) -> None:
    far = start(with_faults(agreement, "wrong_signer"))
    answer = send(far.port, ONE, far.message())
    assert answer.report["Received-Content-MIC"] == f"{mic(entity(PAYLOAD))}, sha-256"
    with pytest.raises(AssertionError, match="erif"):
        answer.verified(far.certificate, far.folder)
    answer.verified(far.folder / "as2" / "stranger" / "certificate.pem", far.folder)


def test_an_unsigned_receipt_where_a_signed_one_is_asked_for(start: Start, agreement: Agreement) -> None:
    far = start(with_faults(agreement, "unsigned_mdn"))
    answer = send(far.port, ONE, far.message())
    assert answer.headers.get_content_type() == "multipart/report"
    assert answer.report["Received-Content-MIC"] == f"{mic(entity(PAYLOAD))}, sha-256"


def test_a_negative_receipt_takes_nothing(start: Start, agreement: Agreement) -> None:
    far = start(with_faults(agreement, "negative_mdn"))
    answer = send(far.port, ONE, far.message())
    assert answer.report["Disposition"] == f"{PROCESSED}/error: unexpected-processing-error"
    assert far.inbound() == []
    assert send(far.port, ONE, far.message()).report["Disposition"] == PROCESSED
    assert [each.get("fault", "") for each in far.deeds()][:2] == ["negative_mdn", ""]


# Sending.


@dataclass
class Post:
    """A simulator that sends to a listener of the test, beat by beat on a clock that the test moves."""

    far: Far
    receiver: Receiver

    def publish(self, payload: bytes = PAYLOAD) -> None:
        (self.far.bench.mailroom.outbound / "999_000001.x12").write_bytes(payload)

    def beat(self, seconds: float = 0) -> int:
        self.far.bench.clock.forward(seconds)
        assert self.far.office.sender is not None
        return self.far.office.sender.send_due()

    def opened(self, came: Came) -> tuple[bytes, str]:
        return came.opened(self.far.partner, self.far.certificate, self.far.folder)

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self.far.bench.mailroom.outbound.iterdir())

    def did(self) -> list[str]:
        return [
            f"{each['did']} {each['why']}" if "why" in each else each["did"]
            for each in self.far.deeds()
            if "as2" in each["did"]
        ]


def receipting(
    post: Post,
    mic: str = "",
    disposition: str = "processed",
    keys: Keys | None = None,
    signed: bool = True,
    about: str = "",
) -> Reply:
    """The signed receipt for the last message that came in."""
    came = post.receiver.came[-1]
    told = receipt(about or came.headers["Message-ID"], mic or post.opened(came)[1], disposition)
    head, content = halves(sign(told, keys or post.far.partner) if signed else told)
    return 200, dict(head.items()), content


def status(code: int, **headers: str) -> Callable[[Post], Reply]:
    return lambda post: (code, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


Begin = Callable[..., Post]


@pytest.fixture
def begin(start: Start, agreement: Agreement) -> Iterator[Begin]:
    """A simulator with a partner that gives these replies, and an agreement with these terms."""
    with ExitStack() as stack:

        def begun(*replies: Callable[[Post], Reply], **terms: Any) -> Post:
            receiver = Receiver()
            stack.callback(receiver.close)
            made = Post(start(replace(agreement, **{"url": receiver.url, **terms})), receiver)
            receiver.replies = [partial(reply, made) for reply in replies]
            return made

        yield begun


def test_what_is_published_is_sent_signed_and_encrypted_until_receipted(begin: Begin) -> None:
    post = begin(receipting)
    post.publish()
    assert post.beat() == 1
    (came,) = post.receiver.came
    head, payload = halves(post.opened(came)[0])
    assert payload == PAYLOAD
    assert head.get_content_type() == "application/edi-x12"
    assert (came.headers["AS2-From"], came.headers["AS2-To"]) == ("SIMPAYER", "GATEWAY")
    assert came.headers["Disposition-Notification-Options"].startswith("signed-receipt-protocol=required, pkcs7")
    assert post.waiting() == []
    assert post.beat(1000) == 0
    assert post.did() == ["as2_sent", "as2_receipted"]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (status(500), ["as2_unsent http_500"]),
        (status(200), ["as2_sent", "as2_receipt_refused unexpected-processing-error"]),
        (partial(receipting, mic="AAAA"), ["as2_sent", "as2_receipt_refused wrong-mic"]),
        (partial(receipting, signed=False), ["as2_sent", "as2_receipt_refused unsigned-receipt"]),
        (partial(receipting, about="<other@simulator.invalid>"), ["as2_sent", "as2_receipt_refused unknown-message"]),
    ],
    ids=["500", "no receipt", "wrong MIC", "unsigned", "of another message"],
)
def test_what_has_no_good_receipt_is_sent_again_with_the_same_message_id(
    begin: Begin, reply: Callable[[Post], Reply], told: list[str]
) -> None:
    post = begin(reply, receipting)
    post.publish()
    assert post.beat() == 1
    assert post.beat(0.9) == 0
    assert post.waiting() == ["999_000001.x12"]
    assert post.beat(0.2) == 1
    first, second = post.receiver.came
    assert first.headers["Message-ID"] == second.headers["Message-ID"]
    assert post.opened(first) == post.opened(second)
    assert post.waiting() == []
    assert post.did() == [*told, "as2_sent", "as2_receipted"]


def test_a_receipt_of_a_stranger_is_not_believed(begin: Begin, tmp_path: Path) -> None:
    post = begin(partial(receipting, keys=make_keys(tmp_path, "stranger")))
    post.publish()
    post.beat()
    assert post.did() == ["as2_sent", "as2_receipt_refused authentication-failed"]
    assert post.waiting() == ["999_000001.x12"]


def test_waits_grow_and_retry_after_is_kept(begin: Begin) -> None:
    post = begin(status(503, Retry_After="5"), status(503), status(503), receipting, retry_max_s=3.0)
    post.publish()
    beats = [post.beat(seconds) for seconds in (0, 4.9, 0.2, 1.9, 0.2, 2.9, 0.2)]
    assert beats == [1, 0, 1, 0, 1, 0, 1]
    assert post.waiting() == []


def test_what_the_partner_turns_down_is_not_sent_again_and_stays(begin: Begin) -> None:
    post = begin(partial(receipting, disposition="processed/error: decryption-failed"))
    post.publish()
    assert (post.beat(), post.beat(1000)) == (1, 0)
    assert post.did() == ["as2_sent", "as2_turned_down"]
    assert post.waiting() == ["999_000001.x12"]


def test_without_receipts_a_good_status_is_enough(begin: Begin) -> None:
    post = begin(status(204), mdn="none")
    post.publish()
    post.beat()
    assert "Disposition-Notification-To" not in post.receiver.came[0].headers
    assert post.waiting() == []


def test_a_partner_that_is_away_gets_it_later(begin: Begin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    post = begin(receipting, url=f"http://127.0.0.1:{port}/in")
    post.publish()
    post.beat()
    assert post.did() == ["as2_unsent ConnectionRefusedError"]
    assert post.waiting() == ["999_000001.x12"]


def test_an_asynchronous_receipt_settles_and_a_missing_one_brings_it_again(begin: Begin) -> None:
    post = begin(status(200), mdn="async", within_s=30.0)
    post.publish()
    assert (post.beat(), post.beat(29), post.beat(2)) == (1, 0, 1)
    url = post.receiver.came[0].headers["Receipt-Delivery-Option"]
    assert url == f"http://127.0.0.1:{post.far.port}/as2"
    _, head, content = receipting(post)
    for _ in range(2):
        headers = {**NAMES, "Message-ID": "<mdn@gateway.example>", **head}
        assert as2_partner.post(post.far.port, headers, content).status == 200
    assert post.waiting() == []
    assert post.beat(1000) == 0
    assert post.did() == ["as2_sent", "as2_sent", "as2_receipted"]


@pytest.mark.parametrize("compressed", ["before", "after"])
def test_compression_is_used_where_agreed(begin: Begin, compressed: str) -> None:
    post = begin(status(200), compress=compressed)
    payload = PAYLOAD * 1000
    post.publish(payload)
    post.beat()
    (came,) = post.receiver.came
    assert len(came.body) < len(payload)
    (certificate,) = post.far.office.agreement.partner_certificates
    key = load_pem_private_key(post.far.partner.key.read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    partner = Identity(certificate, key, post.far.partner.certificate, post.far.partner.key)
    trusted = (post.far.office.own.certificate,)
    (arrived,) = open_message(outermost(came.headers, came.body), partner, trusted, 1 << 20).payloads()
    assert arrived == payload


# Faults of its own sending.


def with_outgoing(*faults: str) -> Faults:
    return Faults(outgoing=faults)


def test_a_duplicate_is_the_same_message_twice(begin: Begin) -> None:
    post = begin(status(200), receipting, faults=with_outgoing("duplicate"))
    post.publish()
    assert post.beat() == 1
    first, second = post.receiver.came
    assert first.body == second.body
    assert first.headers["Message-ID"] == second.headers["Message-ID"]
    assert post.did() == ["as2_fault", "as2_doubled", "as2_sent", "as2_receipted"]


def test_a_request_cut_in_the_middle_comes_whole_later(begin: Begin) -> None:
    post = begin(receipting, faults=with_outgoing("cut_sending"))
    post.publish()
    assert (post.beat(), len(post.receiver.came)) == (1, 0)
    assert post.beat(1.1) == 1
    assert len(post.receiver.came) == 1
    assert post.did() == ["as2_fault", "as2_unsent cut_sending", "as2_sent", "as2_receipted"]


def test_a_receipt_that_is_cut_off_brings_the_message_again(begin: Begin) -> None:
    post = begin(receipting, faults=with_outgoing("cut_receipt"))
    post.publish()
    assert (post.beat(), len(post.receiver.came)) == (1, 1)
    assert (post.beat(1.1), len(post.receiver.came)) == (1, 2)
    assert post.did() == ["as2_fault", "as2_unsent cut_receipt", "as2_sent", "as2_receipted"]


# Receipts that it posts.


def asking(post: Post, url: str = "") -> dict[str, str]:
    return {**SIGNED_SYNC, "Receipt-Delivery-Option": url or post.receiver.url}


def test_an_asynchronous_receipt_is_posted_until_it_is_taken(begin: Begin) -> None:
    post = begin(status(500), status(200))
    answer = send(post.far.port, ONE, post.far.message(), asking(post))
    assert (answer.status, answer.content) == (200, b"")
    assert (post.beat(), post.beat(0.9), post.beat(0.2), post.beat(100)) == (1, 0, 1, 0)
    first, second = post.receiver.came
    assert first.body == second.body
    assert first.headers["Message-ID"] == second.headers["Message-ID"]
    covered = verified(second.headers, second.body, post.far.certificate, post.far.folder)
    assert f"Received-Content-MIC: {mic(entity(PAYLOAD))}, sha-256".encode() in covered
    assert post.did() == ["as2_received", "as2_receipt_posted"]


def test_a_late_receipt_is_posted_late_and_a_missing_one_never(begin: Begin) -> None:
    post = begin(status(200), late_s=60.0, faults=Faults(incoming=("late_mdn", "no_mdn")))
    for number in (1, 2):
        send(post.far.port, f"<{number}@gateway.example>", post.far.message(), asking(post))
    assert (post.beat(), post.beat(59), post.beat(2), post.beat(10_000)) == (0, 0, 1, 0)
    assert b"Original-Message-ID: <1@gateway.example>" in post.receiver.came[0].body


def test_a_receipt_is_posted_nowhere_else(begin: Begin) -> None:
    post = begin(status(200))
    for number, url in enumerate(("http://192.0.2.1/x", "file:///etc/passwd", "ftp://127.0.0.1/", "http://[")):
        send(post.far.port, f"<{number}@gateway.example>", post.far.message(), asking(post, url))
    assert post.beat() == 4
    assert post.did()[4:] == ["as2_receipt_given_up not_allowed"] * 4


# Chance, kills.

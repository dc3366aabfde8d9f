"""The simulator as an AS2 partner meets it: what it takes and refuses, and how it fails, over real sockets.

At the other end are ``openssl cms`` and the standard library.
"""

import http.client
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from as2_far import ONE, PAYLOAD, PROCESSED, Cast, Far, mic
from as2_partner import SIGNED_SYNC, Keys, compress, encrypt, entity, fields, halves, make_keys, post, send, sign

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.faults import Faults


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return Cast(tmp_path_factory.mktemp("cast"))


@pytest.fixture
def agreement(cast: Cast) -> Agreement:
    return cast.agreement


Start = Callable[[Agreement], Far]


@pytest.fixture
def start(tmp_path: Path, cast: Cast) -> Iterator[Start]:
    """Starts simulators, each on a folder of its own."""
    with ExitStack() as stack:
        count = itertools.count()
        yield lambda agreement: stack.enter_context(cast.started(tmp_path / str(next(count)), agreement))


@pytest.fixture
def far(start: Start, agreement: Agreement) -> Far:
    return start(agreement)


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


def test_of_the_same_message_many_times_at_once_one_is_taken(far: Far) -> None:
    whole = far.message()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(far.port, ONE, whole), range(8)))
    assert len({each.content for each in answers}) == 1
    assert answers[0].report["Disposition"] == PROCESSED
    assert far.inbound() == [PAYLOAD]
    assert list((far.folder / "as2" / "ready").iterdir()) == []


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
    assert post(far.port, head, body).status == 403
    assert post(far.port, {**named, "Message-ID": "none"}, body).status == 400
    assert post(far.port, named, body, "/other").status == 404
    assert post(far.port, named, bytes(100_001)).status == 413
    assert far.inbound() == []
    assert post(far.port, named, body).report["Disposition"] == PROCESSED


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

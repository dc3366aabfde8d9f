"""AS2 messages that must not be taken as they are: each gets the disposition that the RFC names, and a reason."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from as2_by_hand import EDI, OPEN, by_hand, headers_of, opaque, refused, signed_by_hand, squeezed
from as2_stage import X12, agreed, arrived, built, mirrored, sent, spool
from cms_keys import NOW, made

from gateway.errors import GatewayError
from gateway.transport.as2.building import Made, head, multipart
from gateway.transport.as2.disposition import (
    AUTHENTICATION_FAILED,
    DECOMPRESSION_FAILED,
    DECRYPTION_FAILED,
    INSUFFICIENT_SECURITY,
    INTEGRITY_CHECK_FAILED,
    UNEXPECTED_ERROR,
)
from gateway.transport.as2.message import open_message
from gateway.transport.as2.mic import Mic, digests_of
from gateway.transport.as2.stream import Text
from gateway.transport.as2.terms import Limits
from gateway.transport.cms import encrypted

# Failure case 2: compression.


@pytest.mark.parametrize("encoding", ["", "binary", "base64", "8bit"])
def test_case_2_a_compressed_part_with_any_transfer_encoding_or_none(encoding: str) -> None:
    opened = by_hand(squeezed(EDI, encoding))
    assert opened.parts[0].open().read() == X12 * 50
    assert opened.mic.same(Mic.of(digests_of(EDI.whole.chunks(), ["sha256"])["sha256"], "sha256"))


def test_case_2_base64_that_is_not_told_and_told_where_it_is_none() -> None:
    body = b"".join(squeezed(EDI).body.chunks())
    kind = ("Content-Type", "application/pkcs7-mime")
    for headers, content in (
        ([kind], base64.encodebytes(body)),
        ([kind, ("Content-Transfer-Encoding", "base64")], body),
    ):
        assert by_hand(Made(headers, Text(content))).parts[0].open().read() == X12 * 50


def test_case_2_the_mic_of_what_was_compressed_before_signing_is_over_the_compressed_part() -> None:
    terms = agreed(compress="before", encrypt="")
    message = built(X12 * 50, terms)
    body = b"".join(message.chunks())
    boundary = body.partition(b"\r\n")[0]
    part = body.split(boundary + b"\r\n")[1].removesuffix(b"\r\n")
    assert b"smime-type=compressed-data" in part
    mic = Mic.of(digests_of([part], ["sha256"])["sha256"], "sha256")
    assert mic == message.mic
    assert sent(message, terms).mic.same(mic)


def test_case_2_a_damaged_compressed_part() -> None:
    body = bytearray(b"".join(squeezed(EDI).body.chunks()))
    body[-20] ^= 0xFF
    kind = [("Content-Type", "application/pkcs7-mime; smime-type=compressed-data")]
    refused(DECOMPRESSION_FAILED, "damaged|end", lambda: by_hand(Made(kind, Text(bytes(body)))))


def test_case_10_a_decompression_bomb() -> None:
    bomb = squeezed(Made([("Content-Type", "application/edi-x12")], Text(bytes(20_000_000))))
    refused(
        DECOMPRESSION_FAILED,
        "grows to more than",
        lambda: by_hand(bomb, agreed(**OPEN, limits=Limits(expansion_max=100))),
    )
    small = agreed(**OPEN, limits=Limits(body_max=1_000_000))
    refused(DECOMPRESSION_FAILED, "more than 1000000 bytes", lambda: by_hand(bomb, small))


# Failure case 5: what was agreed on.


@pytest.mark.parametrize(
    ("made_with", "required", "why"),
    [
        ({"sign": ""}, {"require_signature": True}, "not signed"),
        ({"encrypt": ""}, {"require_encryption": True}, "not encrypted"),
        ({"encrypt": "", "compress": "after"}, {"require_encryption": True}, "not encrypted"),
        ({"encrypt": "", "sign": "", "compress": "after"}, {"require_encryption": True}, "not encrypted"),
        ({"sign": "", "compress": "before"}, {"require_signature": True}, "not signed"),
    ],
)
def test_case_5_less_security_than_was_agreed_on(made_with: dict[str, Any], required: dict[str, Any], why: str) -> None:
    """A message that is merely compressed is not encrypted, whatever its content type looks like."""
    terms = agreed(**made_with)
    told = refused(INSUFFICIENT_SECURITY, why, lambda: sent(built(X12, terms), terms, **required))
    assert told.mdn_wanted is not None


@pytest.mark.parametrize(
    ("made_with", "allow", "floor", "why"),
    [
        ({"sign": "sha1"}, {"sha1"}, {}, "sha1 is not allowed"),
        ({"encrypt": "3des"}, {"3des"}, {}, "3des is not allowed"),
        ({"key_transport": "oaep-sha1"}, {"oaep-sha1"}, {}, "oaep-sha1 is not allowed"),
        ({"sign": "sha256"}, set(), {"least_digest": "sha512"}, "sha256 is not allowed"),
        ({"encrypt": "aes128-cbc"}, set(), {"least_key_bits": 256}, "aes128-cbc is not allowed"),
    ],
)
def test_case_5_an_algorithm_below_the_floor(
    made_with: dict[str, Any], allow: set[str], floor: dict[str, Any], why: str
) -> None:
    terms = agreed(**made_with, allow=frozenset(allow))
    message = built(X12, terms)
    assert sent(message, terms).parts[0].open().read() == X12  # Where the partner's file allows it by name.
    refused(INSUFFICIENT_SECURITY, why, lambda: sent(message, terms, allow=frozenset(), **floor))


def test_case_5_a_key_that_is_too_short() -> None:
    small = made("small-northside")
    terms = agreed(our_signers=(small.identity,), allow=frozenset({"rsa1024"}))
    message = built(X12, terms)
    refused(
        INSUFFICIENT_SECURITY,
        "1024 bits",
        lambda: sent(message, terms, their_signers=(small.certificate,), allow=frozenset()),
    )


# Signers, recipients and certificates that succeed one another.


def test_a_stranger_s_signature_is_refused() -> None:
    stranger = agreed(our_signers=(made("rsa-stranger").identity,))
    refused(AUTHENTICATION_FAILED, "among those of the partner", lambda: sent(built(X12, stranger), stranger))


def test_a_signature_by_another_key_in_the_name_of_a_pinned_certificate() -> None:
    """The content is as it was signed, but not by the key of the certificate that the signature names."""
    whole = b"Content-Type: application/edi-x12\r\n\r\n" + X12
    good = b"".join(signed_by_hand(whole, whole).body.chunks())
    letters = good.split(b"base64\r\n\r\n")[1].partition(b"--")[0]
    forged = bytearray(base64.b64decode(letters))
    forged[-1] ^= 1
    body = good.replace(letters, base64.encodebytes(forged))
    made_ = Made(signed_by_hand(whole, whole).headers, Text(body))
    refused(AUTHENTICATION_FAILED, "not one of certificate", lambda: by_hand(made_, agreed(encrypt="")))


def test_a_signature_under_a_certificate_that_ended_is_refused_and_says_so() -> None:
    expired = made("expired-northside")
    whole = b"Content-Type: application/edi-x12\r\n\r\n" + X12
    forged = signed_by_hand(whole, whole, name="expired-northside")
    body = b"".join(forged.body.chunks())
    act = lambda: arrived(headers_of(forged), body, agreed(encrypt=""), their_signers=(expired.certificate,))  # noqa: E731
    refused(AUTHENTICATION_FAILED, "expired on 2021", act)


def test_case_9_certificates_overlap_for_signing_and_encryption() -> None:
    old, new = made("rsa-exampleclear"), made("rsa-exampleclear-next")
    ours, later = made("rsa-northside"), made("rsa-northside-next")
    for us, them in ((ours, old), (later, old), (ours, new), (later, new)):
        terms = agreed(our_signers=(us.identity,), their_encryption=(them.certificate,))
        opened = sent(
            built(X12, terms),
            terms,
            our_decryptors=(new.identity, old.identity),
            their_signers=(ours.certificate, later.certificate),
        )
        assert opened.signed_by == us.certificate


def test_case_9_a_renewed_certificate_with_the_key_of_the_old() -> None:
    """A signer who is named by key id is both; the one that is valid now counts, wherever it stands."""
    whole = b"Content-Type: application/edi-x12\r\n\r\n" + X12
    renewed = made("rsa-northside")
    old = replace(renewed.certificate, ends=NOW - timedelta(days=1), fingerprint="SHA256:old")
    signed = signed_by_hand(whole, whole, by_key_id=True)
    body = b"".join(signed.body.chunks())
    opened = arrived(headers_of(signed), body, agreed(encrypt=""), their_signers=(old, renewed.certificate))
    assert opened.signed_by == renewed.certificate


def test_case_9_an_elliptic_curve_key_signs() -> None:
    curve = made("ecdsa-northside")
    terms = agreed(our_signers=(curve.identity,))
    opened = sent(built(X12, terms), terms, their_signers=(made("rsa-northside").certificate, curve.certificate))
    assert opened.signed_by == curve.certificate


def test_case_9_the_first_valid_certificate_is_the_one_that_is_used() -> None:
    terms = agreed(
        our_signers=(
            made("expired-northside").identity,
            made("early-northside").identity,
            made("rsa-northside").identity,
        ),
        their_encryption=(made("expired-exampleclear").certificate, made("rsa-exampleclear").certificate),
    )
    assert sent(built(X12, terms), terms).signed_by == made("rsa-northside").certificate


def test_nothing_is_built_without_a_valid_certificate() -> None:
    expired = agreed(their_encryption=(made("expired-exampleclear").certificate,))
    with pytest.raises(GatewayError, match=r"no certificate to encrypt for .*expired on 2021"):
        built(X12, expired)
    with pytest.raises(GatewayError, match=r"no certificate to sign with .none is named"):
        built(X12, agreed(our_signers=()))


def test_a_message_for_somebody_else_cannot_be_decrypted() -> None:
    terms = agreed(their_encryption=(made("rsa-stranger").certificate,))
    refused(DECRYPTION_FAILED, ".", lambda: sent(built(X12, terms), terms))


def test_case_10_gcm_that_was_tampered_with() -> None:
    terms = agreed(encrypt="aes256-gcm")
    message = built(X12, terms)
    body = bytearray(b"".join(message.chunks()))
    body[-60] ^= 1
    refused(DECRYPTION_FAILED, ".", lambda: arrived(message.headers, bytes(body), terms))


def test_case_10_a_second_recipient_and_key_ids_are_read() -> None:
    terms = agreed()
    inner = built(X12, agreed(encrypt=""))
    content = spool()
    whole = head([each for each in inner.headers if each[0] == "Content-Type"]) + b"".join(inner.chunks())
    content.write(whole)
    recipients = [made("rsa-stranger").certificate, made("rsa-exampleclear").certificate]
    for by_key_id in (False, True):
        for transport in ("oaep-sha256", "oaep-sha512"):
            sized = encrypted(
                content.window(),
                len(whole),
                recipients,
                by_key_id=by_key_id,
                key_transport=transport,
                cipher="aes192-cbc",
            )
            kind = [("Content-Type", "application/x-pkcs7-mime; smime-type=enveloped-data")]
            opened = by_hand(Made(kind, Text(b"".join(sized))), terms)
            assert opened.cipher == "aes192-cbc"
            assert opened.parts[0].open().read() == X12


# Limits.


def test_a_header_of_16_kb_is_refused() -> None:
    refused(UNEXPECTED_ERROR, "headers are larger than", lambda: by_hand(EDI, Subject="x" * 17_000))
    inner = b"--b\r\nX: " + b"y " * 9000 + b"\r\n\r\nISA\r\n--b--\r\n"
    nested = Made([("Content-Type", "multipart/mixed; boundary=b")], Text(inner))
    refused(UNEXPECTED_ERROR, "header block is larger than", lambda: by_hand(nested))
    line = b"--b\r\nX: " + b"y" * 5000 + b"\r\n\r\nISA\r\n--b--\r\n"
    refused(
        UNEXPECTED_ERROR,
        "header line is longer than",
        lambda: by_hand(Made([("Content-Type", "multipart/mixed; boundary=b")], Text(line))),
    )


def test_too_many_parts_and_too_deep_nesting_are_refused() -> None:
    many = multipart("mixed", [EDI] * 101, mark="m")
    refused(UNEXPECTED_ERROR, "more than 100 parts", lambda: by_hand(many))
    deep = EDI
    for level in range(6):
        deep = multipart("mixed", [deep], mark=str(level))
    refused(UNEXPECTED_ERROR, "nested more than 4 deep", lambda: by_hand(deep))
    wide = multipart("mixed", [multipart("mixed", [EDI] * 60, mark="i")] * 2, mark="o")
    refused(UNEXPECTED_ERROR, "more than 100 parts", lambda: by_hand(wide))


def test_a_body_that_is_too_large_is_refused() -> None:
    refused(
        UNEXPECTED_ERROR, "larger than 100 bytes", lambda: by_hand(EDI, agreed(**OPEN, limits=Limits(body_max=100)))
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"--b\r\n\r\ncut off",
        b"--b--\r\n",
        b"--b\r\nno header\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\nX: no empty line\r\n--b--\r\n",
    ],
)
def test_multiparts_that_are_none_or_were_cut(body: bytes) -> None:
    refused(UNEXPECTED_ERROR, ".", lambda: by_hand(Made([("Content-Type", "multipart/mixed; boundary=b")], Text(body))))


def test_layers_in_an_order_that_nobody_agreed_on() -> None:
    twice = squeezed(squeezed(EDI))
    refused(UNEXPECTED_ERROR, "order that nobody agreed on", lambda: by_hand(twice))
    content = b"".join(Made([("Content-Type", "application/pkcs7-mime")], Text(opaque(b"\r\nx"))).whole.chunks())
    around = signed_by_hand(content, content)
    refused(UNEXPECTED_ERROR, "order that nobody agreed on", lambda: by_hand(around, agreed(encrypt="")))


def test_a_signed_or_encrypted_part_among_others_is_no_document() -> None:
    mixed = multipart("mixed", [EDI, squeezed(EDI)], mark="m")
    refused(UNEXPECTED_ERROR, "which is no document", lambda: by_hand(mixed))


# Opaque signatures.


@pytest.mark.parametrize("kind", ["application/pkcs7-mime; smime-type=signed-data", "application/pkcs7-mime"])
def test_an_opaque_signature_is_read_too(kind: str) -> None:
    content = b"Content-Type: application/edi-x12\r\n\r\n" + X12
    opened = by_hand(Made([("Content-Type", kind)], Text(opaque(content))), agreed(encrypt=""))
    assert opened.parts[0].open().read() == X12
    assert opened.signed_by == made("rsa-northside").certificate
    assert opened.mic.same(Mic.of(digests_of([content], ["sha256"])["sha256"], "sha256"))
    forged = opaque(content).replace(b"IEA*1", b"IEA*2")
    refused(
        INTEGRITY_CHECK_FAILED,
        "not the one that was signed",
        lambda: by_hand(Made([("Content-Type", kind)], Text(forged)), agreed(encrypt="")),
    )


def test_nothing_is_refused_later_than_the_certificate_ends() -> None:
    terms = agreed()
    message = built(X12, terms)
    content = spool()
    content.write(b"".join(message.chunks()))
    late = NOW + timedelta(days=20 * 365)
    refused(
        AUTHENTICATION_FAILED,
        "expired on 2036",
        lambda: open_message(message.headers, content, terms=mirrored(terms), spool=spool, at=late),
    )

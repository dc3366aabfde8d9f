"""Receipts: what proves that a message arrived, and every way to look as if it had."""

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from as2_by_hand import opaque
from as2_stage import MESSAGE_ID, X12, agreed, built, mirrored, sent, spool
from cms_keys import NOW, made

from gateway.transport.as2.building import Made, Outgoing, head, multipart, signed
from gateway.transport.as2.disposition import (
    AUTHENTICATION_FAILED,
    DECRYPTION_FAILED,
    INSUFFICIENT_SECURITY,
    PROCESSED,
    As2Refused,
    Disposition,
)
from gateway.transport.as2.mdn import Mdn, build_mdn, judge, read_mdn
from gateway.transport.as2.message import Mic, peek
from gateway.transport.as2.mic import digests_of
from gateway.transport.as2.stream import Text
from gateway.transport.as2.terms import Terms
from gateway.transport.as2.wanted import MdnWanted

ANSWER_ID = "<mdn-1@exampleclear.example>"


def received(outgoing: Outgoing | Made, terms: Terms, headers: Sequence[tuple[str, str]] = ()) -> Mdn:
    """A receipt as NORTHSIDE reads it."""
    body = b"".join(outgoing.chunks() if isinstance(outgoing, Outgoing) else outgoing.body.chunks())
    content = spool()
    content.write(body)
    return read_mdn([*headers, *outgoing.headers], content, terms=terms, at=NOW)


def answered(terms: Terms, disposition: Disposition = PROCESSED, **changes: Any) -> tuple[Outgoing, Outgoing]:
    """A message of NORTHSIDE, and EXAMPLECLEAR's receipt for it."""
    message = built(X12, terms)
    opened = sent(message, terms)
    assert opened.mdn_wanted is not None
    theirs = mirrored(terms, **changes)
    mdn = build_mdn(opened.mdn_wanted, disposition, opened.mic, terms=theirs, at=NOW, message_id=ANSWER_ID)
    return message, mdn


def report(fields: dict[str, str], *, beside: Sequence[Made] = ()) -> Made:
    """A report with these fields, as anybody could write it."""
    said = Made([("Content-Type", "text/plain")], Text(b"All is well.\r\n"))
    machine = Made([("Content-Type", "message/disposition-notification")], Text(head(list(fields.items()))))
    kind = "; report-type=disposition-notification"
    return multipart("report", [said, machine, *beside], mark="report", parameters=kind)


def by(name: str, made_: Made, algorithm: str = "sha256") -> Made:
    """The same, signed by one of the identities of the tests."""
    terms = agreed(our_signers=(made(name).identity,), allow=frozenset({"sha1"}))
    digest = digests_of(made_.whole.chunks(), [algorithm])[algorithm]
    return signed(made_, digest, algorithm, mark="anything", terms=terms, at=NOW)


def good_fields(mic: str | None = None) -> dict[str, str]:
    fields = {"Original-Message-ID": MESSAGE_ID, "Disposition": str(PROCESSED)}
    return fields if mic is None else {**fields, "Received-Content-MIC": mic}


@pytest.mark.parametrize("mdn", ["sync", "async"])
@pytest.mark.parametrize("mdn_signed", [True, False])
def test_a_receipt_proves_that_what_was_sent_arrived(mdn: str, mdn_signed: bool) -> None:
    terms = agreed(mdn=mdn, mdn_signed=mdn_signed, mdn_url="https://edi.example.org:4443/as2")
    message, answer = answered(terms)
    read = received(answer, terms)
    assert (read.signed_by == made("rsa-exampleclear").certificate) is mdn_signed
    assert read.answers(MESSAGE_ID)
    assert message.mic is not None
    assert judge(read, message.mic).verdict == "delivered"


def test_where_an_asynchronous_receipt_goes_stands_in_the_message() -> None:
    terms = agreed(mdn="async", mdn_url="https://edi.example.org:4443/as2")
    opened = sent(built(X12, terms), terms)
    assert opened.mdn_wanted is not None
    assert opened.mdn_wanted.url == "https://edi.example.org:4443/as2"
    assert opened.mdn_wanted.signed


def test_no_receipt_is_asked_for_where_none_was_agreed_on() -> None:
    terms = agreed(mdn="none")
    assert sent(built(X12, terms), terms).mdn_wanted is None


def test_a_refusal_says_why_in_words_and_counts_as_refused() -> None:
    terms = agreed()
    message, _ = answered(terms)
    wanted = peek(message.headers).mdn_wanted
    assert wanted is not None
    answer = build_mdn(
        wanted, DECRYPTION_FAILED, None, terms=mirrored(terms), at=NOW, message_id=ANSWER_ID, why="No key fits"
    )
    body = b"".join(answer.chunks())
    assert b"was NOT taken: decryption-failed.\r\nNo key fits\r\n" in body
    assert b"Disposition: automatic-action/MDN-sent-automatically; processed/error: decryption-failed\r\n" in body
    assert message.mic is not None
    verdict = judge(received(answer, terms), message.mic)
    assert verdict.verdict == "refused"
    assert "decryption-failed" in verdict.why


def test_the_machine_readable_part_is_the_one_of_the_rfc() -> None:
    terms = agreed(mdn_signed=False)
    message, answer = answered(terms)
    body = b"".join(answer.chunks()).decode()
    fields = body.partition("message/disposition-notification")[2].split("\r\n\r\n")[1].split("\r\n")
    assert fields == [
        "Reporting-UA: Therapy gateway",
        "Original-Recipient: rfc822; EXAMPLECLEAR",
        "Final-Recipient: rfc822; EXAMPLECLEAR",
        f"Original-Message-ID: {MESSAGE_ID}",
        "Disposition: automatic-action/MDN-sent-automatically; processed",
        f"Received-Content-MIC: {message.mic}",
    ]


# Failure case 3: MIC spellings; another algorithm returned than was asked for.


@pytest.mark.parametrize(
    "spelling", ["{}, sha-256", "{},sha256", "{} , SHA256", "{},SHA-256", '{}, "sha-256"', "{}; sha256", "{}"]
)
def test_case_3_a_mic_is_read_in_every_spelling(spelling: str) -> None:
    terms = agreed()
    message, _ = answered(terms)
    assert message.mic is not None
    fields = good_fields(spelling.format(message.mic.digest))
    assert judge(received(by("rsa-exampleclear", report(fields)), terms), message.mic).verdict == "delivered"


def test_case_3_another_mic_algorithm_is_computed_again() -> None:
    terms = agreed()
    message, _ = answered(terms)
    fields = good_fields(str(message.mic_as("sha512")))
    read = received(by("rsa-exampleclear", report(fields)), terms)
    assert message.mic is not None
    assert judge(read, message.mic, message.mic_as).verdict == "delivered"
    assert judge(read, message.mic).verdict == "mismatch"


def test_case_3_a_mic_of_other_content_is_a_mismatch() -> None:
    terms = agreed()
    message, _ = answered(terms)
    other = built(X12 + b"~", terms)
    read = received(by("rsa-exampleclear", report(good_fields(str(other.mic)))), terms)
    assert message.mic is not None
    verdict = judge(read, message.mic, message.mic_as)
    assert (verdict.verdict, verdict.why) == (
        "mismatch",
        "the partner received other content than was sent: the MICs differ",
    )


@pytest.mark.parametrize("mic", ["", "no base64 at all, sha256", "AAAA, sha256", "rL0Y20zC+Fzt72VPzMSk2A==, md5"])
def test_case_4_a_receipt_without_a_mic_proves_nothing(mic: str) -> None:
    fields = good_fields(mic) if mic else good_fields()
    refuse(by("rsa-exampleclear", report(fields)), agreed(), "no MIC that can be read")


# Failure case 4: no signer, wrapping, the wrong signer, unsigned where signed was asked for.


def refuse(answer: Made | Outgoing, terms: Terms, why: str) -> As2Refused:
    with pytest.raises(As2Refused, match=why) as told:
        received(answer, terms)
    return told.value


def test_case_4_an_unsigned_receipt_where_a_signed_one_was_asked_for() -> None:
    message, answer = answered(agreed(mdn_signed=False))
    assert message.mic is not None
    refuse(answer, agreed(), "it is not signed")


def test_case_4_a_receipt_by_the_wrong_signer() -> None:
    mic = str(built(X12).mic)
    told = refuse(by("rsa-stranger", report(good_fields(mic))), agreed(), "among those of the partner")
    assert told.disposition == AUTHENTICATION_FAILED


def test_case_4_a_receipt_without_a_signer() -> None:
    """A SignedData with no SignerInfo at all, which some software takes for a signature."""
    certificate_only = (
        b"\x30\x23\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x16\x30\x14\x02\x01\x01\x31\x00\x30\x0b"
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\x31\x00"
    )
    inner = report(good_fields(str(built(X12).mic)))
    refuse(beside(inner, certificate_only), agreed(), "no signer")


def beside(inner: Made, signature: bytes) -> Made:
    """multipart/signed with this signature."""
    holder = Made(
        [("Content-Type", "application/pkcs7-signature"), ("Content-Transfer-Encoding", "base64")],
        Text(base64.encodebytes(signature)),
    )
    parameters = '; protocol="application/pkcs7-signature"; micalg=sha-256'
    return multipart("signed", [inner, holder], mark="by hand", parameters=parameters)


def test_case_4_a_signed_text_beside_a_report_that_nobody_signed() -> None:
    """Signature wrapping: what is signed is something else, and the report lies around or beside it."""
    forged = report(good_fields(str(built(X12).mic)))
    harmless = by("rsa-exampleclear", Made([("Content-Type", "text/plain")], Text(b"Hello.\r\n")))
    for wrapped in (
        multipart("mixed", [harmless, forged], mark="w"),
        multipart("mixed", [forged, harmless], mark="w"),
        report(good_fields(str(built(X12).mic)), beside=[harmless]),
    ):
        refuse(wrapped, agreed(), "it is no report|it is not signed")
    refuse(harmless, agreed(), "what is signed is no report")


def test_case_4_three_parts_where_two_are_signed() -> None:
    good = by("rsa-exampleclear", report(good_fields(str(built(X12).mic))))
    body = b"".join(good.body.chunks())
    boundary = body.split(b"\r\n")[0]
    added = body.removesuffix(boundary + b"--\r\n") + boundary + b"\r\n\r\nmore\r\n" + boundary + b"--\r\n"
    refuse(Made(good.headers, Text(added)), agreed(), "has 3 parts and not two")


def test_case_4_a_report_in_which_two_parts_are_machine_readable() -> None:
    second = Made([("Content-Type", "message/disposition-notification")], Text(head(list(good_fields("x").items()))))
    inner = report(good_fields(str(built(X12).mic)), beside=[second])
    refuse(by("rsa-exampleclear", inner), agreed(), "2 machine-readable parts and not one")


def test_case_4_a_report_whose_content_was_altered() -> None:
    good = by("rsa-exampleclear", report({**good_fields(str(built(X12).mic)), "Disposition": "x; processed/error: y"}))
    body = b"".join(good.body.chunks()).replace(b"processed/error: y", b"processed         ")
    refuse(Made(good.headers, Text(body)), agreed(), "not the one that was signed")


def test_case_4_a_receipt_signed_with_sha1_where_that_is_not_allowed() -> None:
    answer = by("rsa-exampleclear", report(good_fields(str(built(X12).mic))), "sha1")
    assert refuse(answer, agreed(), "sha1 is not allowed").disposition == INSUFFICIENT_SECURITY
    assert received(answer, agreed(allow=frozenset({"sha1"}))).signed_by is not None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"Disposition": str(PROCESSED)}, "which message it is for"),
        ({"Original-Message-ID": MESSAGE_ID}, "no disposition"),
        ({"Original-Message-ID": MESSAGE_ID, "Disposition": "???"}, "no disposition"),
    ],
)
def test_a_receipt_without_its_fields(fields: dict[str, str], why: str) -> None:
    refuse(by("rsa-exampleclear", report(fields)), agreed(), why)


def test_a_receipt_between_other_names_is_refused() -> None:
    _, answer = answered(agreed())
    content = spool()
    content.write(b"".join(answer.chunks()))
    for name, value in (("AS2-From", "SOMEBODY"), ("AS2-To", "SOUTHSIDE")):
        headers = [(each, value if each == name else was) for each, was in answer.headers]
        with pytest.raises(As2Refused, match="AS2 names"):
            read_mdn(headers, content, terms=agreed(), at=NOW)


def test_an_answer_that_names_nobody_counts_by_its_signature() -> None:
    _, answer = answered(agreed())
    nameless = [each for each in answer.headers if each[0] not in ("AS2-From", "AS2-To")]
    content = spool()
    content.write(b"".join(answer.chunks()))
    assert read_mdn(nameless, content, terms=agreed(), at=NOW).as2_from == ""


def test_a_receipt_within_its_signature_is_read_too() -> None:
    inner = b"".join(report(good_fields(str(built(X12).mic))).whole.chunks())
    answer = Made([("Content-Type", "application/pkcs7-mime; smime-type=signed-data")], Text(opaque(inner)))
    assert received(answer, agreed(their_signers=(made("rsa-northside").certificate,))).signed_by is not None
    refuse(answer, agreed(), "among those of the partner")


def test_a_receipt_of_a_megabyte_and_more_is_refused() -> None:
    content = spool()
    for _ in range(5):
        content.write(bytes(256 * 1024))
    with pytest.raises(As2Refused, match="larger than"):
        read_mdn([("Content-Type", "multipart/report; boundary=x")], content, terms=agreed(), at=NOW)


def test_a_signed_receipt_is_told_from_a_signed_message() -> None:
    terms = agreed(encrypt="")
    message, answer = answered(terms)
    for outgoing, expected in ((message, False), (answer, True)):
        content = spool()
        content.write(b"".join(outgoing.chunks()))
        content.seek(3)
        assert peek(outgoing.headers, content).is_mdn is expected
        assert content.tell() == 3


def test_a_receipt_under_an_older_certificate_of_theirs_counts_while_both_are_pinned() -> None:
    terms = agreed(their_signers=(made("rsa-exampleclear-next").certificate, made("rsa-exampleclear").certificate))
    _, answer = answered(terms)
    assert received(answer, terms).signed_by == made("rsa-exampleclear").certificate


def test_a_receipt_is_signed_with_the_algorithm_that_the_sender_asked_for() -> None:
    wanted = MdnWanted(
        message_id=MESSAGE_ID, as2_from="EXAMPLECLEAR", as2_to="NORTHSIDE", to="x", signed=True, algorithms=("SHA512",)
    )
    mic = Mic.of(bytes(64), "sha512", "SHA512")
    answer = build_mdn(wanted, PROCESSED, mic, terms=agreed(), at=NOW, message_id=ANSWER_ID)
    assert "micalg=sha-512" in dict(answer.headers)["Content-Type"]
    assert f"Received-Content-MIC: {mic.digest}, SHA512\r\n".encode() in b"".join(answer.chunks())


@pytest.mark.parametrize(
    ("text", "kind", "level", "modifier", "good"),
    [
        ("automatic-action/MDN-sent-automatically; processed", "processed", "", "", True),
        ("AUTOMATIC-ACTION/mdn-sent-automatically;processed", "processed", "", "", True),
        ("automatic-action/MDN-sent-automatically; processed/warning: duplicate-document", "processed", "warning",
         "duplicate-document", True),
        ("automatic-action/MDN-sent-automatically; processed/Error: decryption-failed", "processed", "error",
         "decryption-failed", False),
        ("manual-action/MDN-sent-manually; failed/Failure: unsupported format", "failed", "failure",
         "unsupported format", False),
        ("automatic-action/MDN-sent-automatically; processed/error", "processed", "error", "", False),
        ("a/b; processed/error: Decryption-failed, no key fits", "processed", "error", "decryption-failed", False),
        ("a/b; processed/error: no claim of DOE, JANE", "processed", "error", "other", False),
        ("a/b; jane/doe", "other", "other", "", False),
        ("a/b; processed/jane: doe", "processed", "other", "other", False),
        ("automatic-action/MDN-sent-automatically; deleted", "deleted", "", "", False),
        ("processed", "processed", "", "", True),
    ],
)  # fmt: skip
def test_dispositions_are_read_as_they_are_written_in_the_field(
    text: str, kind: str, level: str, modifier: str, good: bool
) -> None:
    read = Disposition.read(text)
    assert read == Disposition(kind, level, modifier)
    assert read.good is good
    assert "jane" not in str(read).lower()


def test_a_receipt_never_repeats_what_is_in_a_message() -> None:
    terms = agreed(mdn_signed=False)
    _, answer = answered(terms)
    assert b"ISA" not in b"".join(answer.chunks())

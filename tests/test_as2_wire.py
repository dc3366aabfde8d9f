"""AS2 as it is spoken in the field: line ends, options, names, boundaries and file names of every kind."""

import base64
import re

import pytest
from as2_by_hand import EDI, by_hand, refused, signed_by_hand
from as2_stage import X12, agreed, arrived, built, document, sent

from gateway.transport.as2.building import Made, multipart
from gateway.transport.as2.disposition import (
    AUTHENTICATION_FAILED,
    ILLEGAL_FILENAME,
    INTEGRITY_CHECK_FAILED,
    SENDER_EQUALS_RECEIVER,
    UNEXPECTED_ERROR,
    UNSUPPORTED_FORMAT,
    UNSUPPORTED_MIC,
    Disposition,
)
from gateway.transport.as2.message import As2Refused, peek
from gateway.transport.as2.mic import Mic, digests_of
from gateway.transport.as2.mime import ALIKE_MAX, delimiters
from gateway.transport.as2.stream import Text
from gateway.transport.spool import Spool, Window

SIGNED = "signed-receipt-protocol=optional, pkcs7-signature"

# Failure case 1: payloads and line ends. Raw, then CRLF added or removed, then canonical; delivered unaltered.


@pytest.mark.parametrize("encoding", ["8bit", "7bit", "binary", ""])
@pytest.mark.parametrize("payload", [b"one\ntwo\n", b"one\rtwo\r", b"one\ntwo", b"one\r\ntwo\r\n", b"\n", b""])
@pytest.mark.parametrize("variant", ["raw", "CRLF added", "CRLF removed", "canonical", "canonical but for lone CR"])
def test_case_1_a_signature_over_other_line_ends_counts_and_the_payload_is_unaltered(
    encoding: str, payload: bytes, variant: str
) -> None:
    kind = b"Content-Type: application/edi-x12\r\n"
    if encoding:
        kind += b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n"
    whole = kind + b"\r\n" + payload
    signed = {
        "raw": whole,
        "CRLF added": whole + b"\r\n",
        "CRLF removed": re.sub(rb"\r?\n\Z", b"", whole),
        "canonical": re.sub(rb"\r\n|\r|\n", b"\r\n", whole),
        "canonical but for lone CR": re.sub(rb"(?<!\r)\n", b"\r\n", whole),
    }[variant]
    terms = agreed(encrypt="")
    opened = by_hand(signed_by_hand(whole, signed), terms)
    assert opened.parts[0].open().read() == payload
    assert opened.mic.same(Mic.of(digests_of([signed], ["sha256"])["sha256"], "sha256"))


def test_case_1_a_large_payload_is_canonicalised_across_its_pieces() -> None:
    payload = b"\r" * 1000 + (b"x" * 99 + b"\r\n") * 9000 + b"tail\r"
    whole = b"Content-Type: application/edi-x12\r\n\r\n" + payload
    opened = by_hand(signed_by_hand(whole, re.sub(rb"\r\n|\r|\n", b"\r\n", whole)), agreed(encrypt=""))
    assert b"".join(opened.parts[0].content.pieces()) == payload


@pytest.mark.parametrize("other", [b" ", b"\r\n\r\n", b"\t", b"~"])
def test_case_1_other_content_than_was_signed_is_refused(other: bytes) -> None:
    whole = b"Content-Type: application/edi-x12\r\n\r\nISA one"
    forged = signed_by_hand(whole + other, whole)
    refused(INTEGRITY_CHECK_FAILED, "not the one that was signed", lambda: by_hand(forged, agreed(encrypt="")))


def test_case_1_a_base64_payload_keeps_its_line_ends() -> None:
    body = base64.encodebytes(b"one\ntwo\r")
    kind = [("Content-Type", "application/edi-x12"), ("Content-Transfer-Encoding", "Base64")]
    opened = by_hand(Made(kind, Text(body)))
    assert opened.parts[0].open().read() == b"one\ntwo\r"
    assert opened.mic.same(Mic.of(digests_of([body], ["sha256"])["sha256"], "sha256"))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("base64", b"!!!!"),
        ("base64", b"QUJD="),
        ("base64", b"QQ==QUJD"),
        ("quoted-printable", b"=ZZ"),
        ("x-uuencode", b"x"),
    ],
)
def test_case_1_content_that_is_not_what_its_encoding_says(encoding: str, body: bytes) -> None:
    kind = [("Content-Type", "application/edi-x12"), ("Content-Transfer-Encoding", encoding)]
    refused(UNEXPECTED_ERROR, "base64|quoted-printable|not known", lambda: by_hand(Made(kind, Text(body))))


def test_case_1_a_long_run_of_white_space_is_read_once() -> None:
    body = b" " * 60_000 + b"x" + b"\t" * 60_000 + b"\r\nend"
    kind = [("Content-Type", "application/edi-x12"), ("Content-Transfer-Encoding", "quoted-printable")]
    opened = by_hand(Made(kind, Text(body.replace(b"x", b"x=\r\n"))))
    assert opened.parts[0].open().read() == b" " * 60_000 + b"x\r\nend"
    long = Made(kind, Text(b"x" * 70_000))
    refused(UNEXPECTED_ERROR, "longer than 65536 bytes", lambda: by_hand(long))


# Failure case 6: what a message asks for.


@pytest.mark.parametrize(
    ("options", "signed", "algorithm", "spelled"),
    [
        (f"{SIGNED}; signed-receipt-micalg=optional, sha256, sha1", True, "sha256", "sha256"),
        ("signed-receipt-micalg=required,SHA-512;" + SIGNED.replace("optional", "required"), True, "sha512", "SHA-512"),
        ('signed-receipt-protocol="optional", "pkcs7-signature"; signed-receipt-micalg="optional", "sha-384"',
         True, "sha384", "sha-384"),
        ('signed-receipt-protocol="optional, pkcs7-signature"; signed-receipt-micalg="optional, sha-384"',
         True, "sha384", "sha-384"),
        (f"{SIGNED}; signed-receipt-micalg=optional, whirlpool, md5, sha384", True, "sha384", "sha384"),
        (f"{SIGNED}; signed-receipt-micalg=optional, md5", True, "sha256", ""),
        ("signed-receipt-protocol=optional,pkcs7-signature", True, "sha256", ""),
        ("SIGNED-RECEIPT-PROTOCOL = optional , PKCS7-signature ;Signed-Receipt-MICalg = sha-256",
         True, "sha256", "sha-256"),
        ("signed-receipt-protocol=optional, pgp-signature; signed-receipt-micalg=optional, sha256",
         False, "sha256", "sha256"),
        ("x-anything=optional, one; ;; nonsense; signed-receipt-micalg=optional, sha256", False, "sha256", "sha256"),
        ("", False, "sha256", ""),
    ],
)  # fmt: skip
def test_case_6_options_in_any_order_quoted_several_and_unknown(
    options: str, signed: bool, algorithm: str, spelled: str
) -> None:
    opened = by_hand(EDI, Disposition_Notification_Options=options)
    assert opened.mdn_wanted is not None
    assert opened.mdn_wanted.signed is signed
    assert (opened.mic.algorithm, opened.mic.spelled) == (algorithm, spelled)


@pytest.mark.parametrize(
    ("options", "disposition"),
    [
        ("signed-receipt-protocol=required, pgp-signature", UNSUPPORTED_FORMAT),
        ("x-anything=required, one", UNSUPPORTED_FORMAT),
        ("signed-receipt-micalg=required, md5, whirlpool", UNSUPPORTED_MIC),
        ("signed-receipt-micalg=required, sha1", UNSUPPORTED_MIC),
    ],
)
def test_case_6_what_is_required_and_cannot_be_done_fails(options: str, disposition: Disposition) -> None:
    told = refused(disposition, "it asks for", lambda: by_hand(EDI, Disposition_Notification_Options=options))
    assert told.mdn_wanted is not None


@pytest.mark.parametrize("url", ["mailto:edi@example.org", "ftp://example.org/", "nowhere", "http:///x", "http://a b"])
def test_case_6_a_receipt_that_is_to_go_where_there_is_no_way(url: str) -> None:
    told = refused(UNSUPPORTED_FORMAT, "it asks for", lambda: by_hand(EDI, Receipt_Delivery_Option=url))
    assert told.mdn_wanted is not None
    assert told.mdn_wanted.url == ""


def test_case_6_the_mic_of_a_signed_message_takes_the_signature_s_algorithm_where_the_sender_takes_it() -> None:
    terms = agreed(sign="sha384")
    message = built(X12, terms)
    options = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-512, sha-384"
    headers = [
        (name, options if name == "Disposition-Notification-Options" else value) for name, value in message.headers
    ]
    assert arrived(headers, b"".join(message.chunks()), terms).mic.algorithm == "sha384"
    other = options.removesuffix(", sha-384")
    headers = [
        (name, other if name == "Disposition-Notification-Options" else value) for name, value in message.headers
    ]
    assert arrived(headers, b"".join(message.chunks()), terms).mic.same(message.mic_as("sha512"))


# Failure case 7: names, folds, boundaries, headers.


@pytest.mark.parametrize("name", ["NORTHSIDE", "North Side PT", 'a "quoted" \\ name', "1;2,3=4"])
def test_case_7_names_with_spaces_and_quotes(name: str) -> None:
    terms = agreed(us=name)
    message = built(X12, terms)
    assert sent(message, terms).parts[0].open().read() == X12
    assert peek(message.headers).as2_from == name


def test_case_7_a_name_that_is_quoted_without_need() -> None:
    assert by_hand(EDI, AS2_From='"NORTHSIDE"').parts[0].open().read() == X12 * 50


def test_case_7_folded_headers() -> None:
    folded = Made(
        [("Content-Type", 'multipart/related;\r\n\tboundary="a b";\r\n type="application/edi-x12"')],
        Text(b'--a b\r\nContent-Type: application/edi-x12;\r\n\tname="one.x12"\r\n\r\none\r\n--a b--\r\n'),
    )
    opened = by_hand(folded)
    assert [(part.name, part.open().read()) for part in opened.parts] == [("one.x12", b"one")]


@pytest.mark.parametrize("boundary", ["----=_Part_1;x=y", "a'()+_,-./:=?b", "b" * 70, "x y", "==", "--"])
def test_case_7_quoted_boundaries(boundary: str) -> None:
    line = f"--{boundary}".encode()
    body = (
        b"preamble\r\n--no\r\n"
        + line
        + b" \t\r\n\r\none\r\n"
        + line
        + b"\n\ntwo\n"
        + line
        + b"--  \r\nepilogue "
        + line
    )
    opened = by_hand(Made([("Content-Type", f'multipart/mixed; boundary="{boundary}"')], Text(body)))
    assert [part.open().read() for part in opened.parts] == [b"one", b"two"]


def test_case_7_a_boundary_that_begins_another_and_stands_within_a_line() -> None:
    body = b"--b\r\n\r\n--bc\r\n x--b\r\n--b:\r\n\r\n--b--\r\n"
    opened = by_hand(Made([("Content-Type", "multipart/mixed; boundary=b")], Text(body)))
    assert [part.open().read() for part in opened.parts] == [b"--bc\r\n x--b\r\n--b:\r\n"]


def _window(content: bytes) -> Window:
    spool = Spool()
    spool.write(content)
    return spool.window()


def test_lines_without_end_that_begin_like_a_boundary_are_refused() -> None:
    """Each of them is looked at, and a large message would hold up a thread for minutes."""
    fitting, beyond = (b"--b\r\n\r\n" + b"\n--bc" * count + b"\r\n--b--" for count in (ALIKE_MAX, ALIKE_MAX + 1))
    assert len(list(delimiters(_window(fitting), b"b"))) == 2
    with pytest.raises(As2Refused, match="begin like a boundary"):
        list(delimiters(_window(beyond), b"b"))


def test_case_7_no_content_length_is_needed() -> None:
    message = built(X12, agreed())
    assert "content-length" not in {name.lower() for name, _ in message.headers}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"AS2_From": ""}, "AS2-From is not usable: it is empty"),
        ({"AS2_To": '""'}, "AS2-To is not usable: it is empty"),
        ({"AS2_To": "x" * 129}, "longer than 128"),
        ({"AS2_From": "Müller"}, "printable ASCII"),
        ({"Message_ID": ""}, "Message-ID is not usable: it is empty"),
        ({"Message_ID": "<>"}, "Message-ID is not usable: it is empty"),
        ({"Message_ID": f"<{'x' * 998}@y>"}, "longer than 997"),
        ({"Message_ID": "<a\xa0b>"}, "printable ASCII"),
    ],
)
def test_case_7_headers_that_are_missing_or_no_names(changes: dict[str, str], why: str) -> None:
    refused(UNEXPECTED_ERROR, why, lambda: by_hand(EDI, **changes))


def test_a_sender_that_equals_its_receiver() -> None:
    told = refused(
        SENDER_EQUALS_RECEIVER, "the same name", lambda: by_hand(EDI, AS2_From="EXAMPLECLEAR", AS2_To="EXAMPLECLEAR")
    )
    assert told.mdn_wanted is not None


def test_names_of_another_relation_are_refused() -> None:
    refused(AUTHENTICATION_FAILED, "AS2 names", lambda: by_hand(EDI, AS2_From="SOMEBODY"))


# File names.


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../etc/passwd", "another folder"),
        ("..\\claims.x12", "another folder"),
        ("a\x00b", "control character"),
        ("a\u202eb.x12", "control character"),
        ("x" * 300, "longer than 255"),
        ("claims/", "no name"),
    ],
)
def test_a_file_name_that_leads_elsewhere_is_refused_or_cleaned(name: str, why: str) -> None:
    terms = agreed()
    message = built([document(X12, name)], terms)
    told = refused(ILLEGAL_FILENAME, why, lambda: sent(message, terms))
    assert name not in str(told)
    assert told.mic is not None
    cleaned = sent(message, terms, illegal_names="clean").parts[0].name
    assert "/" not in cleaned
    assert "\\" not in cleaned
    assert cleaned.isprintable()
    assert len(cleaned) < 256


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="claims 837.x12"', "claims 837.x12"),
        ("attachment; filename=claims.x12", "claims.x12"),
        ('attachment; filename="C:\\\\outbox\\\\claims.x12"', "claims.x12"),
        ("attachment; filename*=utf-8''M%C3%BCller%20837.x12", "Müller 837.x12"),
        ("attachment; filename*0=\"cla\"; filename*1=\"ims.x12\"", "claims.x12"),
        ("attachment", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_sender_s_name_of_a_document_is_kept(header: str, name: str) -> None:
    kind = [("Content-Type", "application/edi-x12"), ("Content-Disposition", header)]
    inner = multipart("mixed", [Made(kind, Text(X12))], mark="m")
    assert by_hand(inner).parts[0].name == name


def test_a_name_outside_of_ascii_goes_there_and_back() -> None:
    terms = agreed()
    assert sent(built([document(X12, 'Müller "837".x12')], terms), terms).parts[0].name == 'Müller "837".x12'


def test_a_name_of_ours_adds_no_header() -> None:
    terms = agreed()
    opened = sent(built([document(X12, "a\r\nContent-Transfer-Encoding: base64\r\n\r\nb")], terms), terms)
    assert opened.parts[0].open().read() == X12


def test_our_names_stay_here_where_that_was_agreed_on() -> None:
    terms = agreed(send_names=False)
    assert sent(built([document(X12, "secret.x12")], terms), terms).parts[0].name == ""

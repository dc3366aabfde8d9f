"""AS2 messages, built and opened: every layer, every order, the MIC over the right bytes."""

import hashlib
from base64 import b64encode
from dataclasses import replace

import pytest
from as2_stage import X12, agreed, arrived, built, document, sent
from cms_keys import made

from gateway.errors import GatewayError
from gateway.transport.as2.message import Mic
from gateway.transport.as2.transfer import fits

ENDINGS = {"LF": b"one\ntwo\n", "CR": b"one\rtwo\r", "CRLF": b"one\r\ntwo\r\n", "none": b"one\r\ntwo", "empty": b""}


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7bit", "base64", "quoted-printable"])
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("layers", ["plain", "signed", "encrypted", "both"])
def test_payload_ending_comes_out_as_it_went_in(encoding: str, ending: str, layers: str) -> None:
    terms = agreed(
        transfer_encoding=encoding,
        sign="sha256" if layers in ("signed", "both") else "",
        encrypt="aes256-cbc" if layers in ("encrypted", "both") else "",
    )
    message = built(ENDINGS[ending], terms)
    opened = sent(message, terms)
    assert [part.open().read() for part in opened.parts] == [ENDINGS[ending]]
    assert message.mic is not None
    assert opened.mic.same(message.mic)
    assert (opened.signed_by == made("rsa-northside").certificate) == bool(terms.sign)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"one\r\ntwo\r\n", {"8bit": "8bit", "7bit": "7bit"}),
        (b"one\r\n" + b"~" * 998, {"8bit": "8bit", "7bit": "7bit"}),
        ("caf\u00e9\r\n".encode(), {"8bit": "8bit", "7bit": "binary"}),
        (b"one\ntwo", {"8bit": "binary", "7bit": "binary"}),
        (b"one\rtwo\r", {"8bit": "binary", "7bit": "binary"}),
        (b"one\x00", {"8bit": "binary", "7bit": "binary"}),
        (b"one\r\n" + b"~" * 999, {"8bit": "binary", "7bit": "binary"}),
    ],
)
def test_what_is_not_lines_of_text_says_binary_and_goes_out_unaltered(content: bytes, said: dict[str, str]) -> None:
    """BouncyCastle signs and verifies 7bit and 8bit with their line ends as CRLF."""
    for asked, expected in said.items():
        assert asked == expected or expected == "binary"
        whole = b"".join(built(content, agreed(transfer_encoding=asked, encrypt="")).chunks())
        assert f"Content-Transfer-Encoding: {expected}\r\n\r\n".encode() + content in whole
        for size in (1, 2, 7, 2000):
            pieces = [content[at : at + size] for at in range(0, len(content), size)]
            assert fits(pieces, "7bit" if asked == "7bit" else "8bit") == (expected == asked)


@pytest.mark.parametrize("compress", ["before", "after"])
@pytest.mark.parametrize("sign", ["", "sha256"])
@pytest.mark.parametrize("encrypt", ["", "aes128-gcm"])
def test_compression_before_and_after_signing(compress: str, sign: str, encrypt: str) -> None:
    terms = agreed(compress=compress, sign=sign, encrypt=encrypt)
    message = built(X12 * 1000, terms)
    opened = sent(message, terms)
    assert opened.compressed
    assert opened.parts[0].open().read() == X12 * 1000
    assert message.mic is not None
    assert opened.mic.same(message.mic)
    assert message.length < 3000 + len(X12) * 100


def test_mic_of_a_plain_message_leaves_its_headers_out() -> None:
    terms = agreed(sign="", encrypt="")
    message = built(X12, terms)
    assert message.mic == Mic(b64encode(hashlib.sha256(X12).digest()).decode(), "sha256")
    assert sent(message, terms).mic.same(message.mic)


def test_mic_of_an_encrypted_message_takes_its_headers_in() -> None:
    terms = agreed(sign="")
    whole = b"Content-Type: application/edi-x12\r\nContent-Transfer-Encoding: binary\r\n\r\n" + X12
    message = built(X12, terms)
    assert message.mic == Mic(b64encode(hashlib.sha256(whole).digest()).decode(), "sha256")
    assert sent(message, terms).mic.same(message.mic)


def test_several_attachments_come_in_their_order() -> None:
    terms = agreed()
    parts = [
        document(b"ISA*one~", "claims.x12"),
        document(b"%PDF-1.7\n\x00\xff", "visit note.pdf", "application/pdf"),
        document(b"", "empty.txt", "text/plain"),
    ]
    message = built(parts, terms)
    opened = sent(message, terms)
    assert [(part.name, part.content_type, part.open().read()) for part in opened.parts] == [
        ("claims.x12", "application/edi-x12", b"ISA*one~"),
        ("visit note.pdf", "application/pdf", b"%PDF-1.7\n\x00\xff"),
        ("empty.txt", "text/plain", b""),
    ]
    assert message.mic is not None
    assert opened.mic.same(message.mic)


def test_the_same_message_has_the_same_mic_for_ever() -> None:
    terms = agreed(compress="before")
    one, again = built(X12, terms), built(X12, terms)
    assert one.mic == again.mic
    assert one.mic_as("sha512") == again.mic_as("sha512")
    assert one.mic_as("sha256") == one.mic
    assert b"".join(one.chunks()) != b"".join(one.chunks())  # Another content key each time.


@pytest.mark.parametrize("said", [len(X12) - 1, len(X12) + 1])
@pytest.mark.parametrize("terms", [{}, {"sign": ""}, {"sign": "", "encrypt": ""}, {"compress": "before"}])
def test_a_document_that_is_not_as_long_as_was_said_is_never_sent(said: int, terms: dict[str, str]) -> None:
    with pytest.raises(GatewayError, match=f"has {len(X12)} bytes and not {said}"):
        built([replace(document(X12), size=said)], agreed(**terms))


def test_a_message_is_signed_when_it_is_built_and_encrypted_when_it_is_sent() -> None:
    """A second try under the same id goes out under other keys, and is the same to whoever opens it."""
    terms = agreed(sign="sha512", pss=True, compress="after", encrypt="aes256-gcm")
    message = built(X12, terms)
    first, second = (b"".join(message.chunks()) for _ in range(2))
    assert first != second
    assert len(first) == len(second) == message.length
    for body in (first, second):
        opened = arrived(message.headers, body, terms)
        assert (opened.parts[0].open().read(), opened.signed_with, opened.cipher) == (X12, "sha512", "aes256-gcm")

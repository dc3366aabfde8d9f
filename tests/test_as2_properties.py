"""Laws of AS2 messages: what goes in comes out, and nothing that was altered comes out as authentic."""

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial
from itertools import cycle
from typing import Any, cast

import pytest
from as2_stage import MESSAGE_ID, X12, agreed, arrived, built, document, mirrored, sent, spool
from cms_keys import NOW, made
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.transport.as2.disposition import PROCESSED, As2Refused, Disposition
from gateway.transport.as2.headers import read_headers, read_value
from gateway.transport.as2.mdn import build_mdn, read_mdn
from gateway.transport.as2.message import MdnWanted, Outgoing, Part, open_message, peek
from gateway.transport.as2.mic import Mic
from gateway.transport.as2.mime import Delimiter, delimiters
from gateway.transport.as2.names import quoted, unquoted
from gateway.transport.as2.terms import Terms
from gateway.transport.as2.transfer import BadEncoding, decoded, encoded, encoded_length
from gateway.transport.as2.wanted import read_options
from gateway.transport.spool import Spool

quick = settings(max_examples=60, deadline=None)
bytes_with_lines = st.lists(
    st.one_of(st.sampled_from([b"\r\n", b"\n", b"\r", b"--", b"=", b" ", b"~", b"\x00"]), st.binary(max_size=30)),
    max_size=30,
).map(b"".join)
agreements: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    sign=st.sampled_from(["", "sha256", "sha384", "sha512"]),
    pss=st.booleans(),
    encrypt=st.sampled_from(["", "aes128-cbc", "aes256-cbc", "aes256-gcm"]),
    key_transport=st.sampled_from(["pkcs1v15", "oaep-sha256"]),
    compress=st.sampled_from(["", "before", "after"]),
    transfer_encoding=st.sampled_from(["binary", "8bit", "7bit", "base64", "quoted-printable"]),
)


class Dripping(io.RawIOBase):
    """A document that is read in pieces of these sizes."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._file, self._sizes = io.BytesIO(content), cycle(sizes)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._file.read(min(next(self._sizes), size if size is not None and size >= 0 else 1 << 20))


@quick
@given(
    payloads=st.lists(bytes_with_lines, min_size=1, max_size=3),
    terms=agreements,
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=4),
    memory=st.integers(0, 300),
)
def test_what_goes_in_comes_out_under_any_terms_in_pieces_of_any_size(
    payloads: list[bytes], terms: dict[str, Any], sizes: list[int], memory: int
) -> None:
    agreement = agreed(**terms)
    parts = [
        Part(
            name="",
            content_type="application/octet-stream",
            source=partial(cast(Any, Dripping), each, sizes),
            size=len(each),
        )
        for each in payloads
    ]
    message = built(parts, agreement)
    body = Spool(limit_memory=memory)
    for chunk in message.chunks():
        body.write(chunk)
    opened = open_message(
        message.headers, body, terms=mirrored(agreement), spool=lambda: Spool(limit_memory=memory), at=NOW
    )
    assert [each.open().read() for each in opened.parts] == payloads
    assert message.mic is not None
    assert opened.mic.same(message.mic)
    assert body.size == message.length


@cache
def sample(encrypt: str, compress: str) -> tuple[Terms, Outgoing, bytes]:
    terms = agreed(encrypt=encrypt, compress=compress)
    message = built([document(X12 + b"\r\nSE*1~\n", "claims.x12")], terms)
    return terms, message, b"".join(message.chunks())


changes = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "drop", "add", "twice"]), st.floats(0, 1), st.integers(1, 255)),
    min_size=1,
    max_size=3,
)


def altered(body: bytes, change: str, place: float, amount: int) -> bytes:
    at = min(int(place * len(body)), max(0, len(body) - 1))
    if change == "flip":
        return body[:at] + bytes([body[at] ^ amount]) + body[at + 1 :] if body else body
    if change == "cut":
        return body[:at]
    if change == "drop":
        return body[:at] + body[at + amount :]
    if change == "add":
        return body[:at] + bytes([amount]) * (amount % 7 + 1) + body[at:]
    return body[: at + amount] + body[at:]


def lines(content: bytes) -> bytes:
    """Content but for how its lines end, which a signature may be over in another form than is sent."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", content).removesuffix(b"\r\n")


@settings(max_examples=300, deadline=None)
@given(
    encrypt=st.sampled_from(["", "aes128-cbc", "aes256-gcm"]),
    compress=st.sampled_from(["", "before", "after"]),
    changes=changes,
)
def test_what_was_altered_never_comes_out_as_authentic(
    encrypt: str, compress: str, changes: list[tuple[str, float, int]]
) -> None:
    terms, message, body = sample(encrypt, compress)
    for each in changes:
        body = altered(body, *each)
    with suppress(As2Refused):
        opened = arrived(message.headers, body, terms)
        assert opened.signed_by == made("rsa-northside").certificate
        assert [(each.name, lines(each.open().read())) for each in opened.parts] == [
            ("claims.x12", lines(X12 + b"\r\nSE*1~\n"))
        ]


@cache
def receipt() -> tuple[Outgoing, bytes]:
    wanted = MdnWanted(message_id=MESSAGE_ID, as2_from="NORTHSIDE", as2_to="EXAMPLECLEAR", to="x", signed=True)
    mic = Mic.of(bytes(32), "sha256")
    answer = build_mdn(wanted, PROCESSED, mic, terms=mirrored(agreed()), at=NOW, message_id="<r@x>")
    return answer, b"".join(answer.chunks())


@settings(max_examples=300, deadline=None)
@given(changes=changes)
def test_a_receipt_that_was_altered_never_says_something_else(changes: list[tuple[str, float, int]]) -> None:
    answer, body = receipt()
    for each in changes:
        body = altered(body, *each)
    content = spool()
    content.write(body)
    with suppress(As2Refused):
        read = read_mdn(answer.headers, content, terms=agreed(), at=NOW)
        assert (read.original_message_id, read.disposition) == (MESSAGE_ID, PROCESSED)
        assert read.mic == Mic.of(bytes(32), "sha256", "sha-256")


header_values = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60)
content_types = st.one_of(
    header_values,
    st.sampled_from(
        [
            "multipart/signed; boundary=b",
            "multipart/mixed; boundary=b",
            "multipart/report; boundary=b",
            "application/pkcs7-mime",
            "application/pkcs7-mime; smime-type=signed-data",
            "application/pkcs7-mime; smime-type=compressed-data",
            "application/edi-x12",
        ]
    ),
)
pieces_of_mime = st.lists(
    st.one_of(
        st.sampled_from(
            [b"--b\r\n", b"\r\n--b--\r\n", b"\r\n", b"\n", b"Content-Type: multipart/mixed; boundary=b\r\n"]
        ),
        st.sampled_from(
            [b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: application/pkcs7-signature\r\n\r\n"]
        ),
        st.sampled_from([b"Content-Type: message/disposition-notification\r\n\r\n", b"\x30\x80", b"MIAG"]),
        st.binary(max_size=40),
    ),
    max_size=20,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(kind=content_types, encoding=header_values, options=header_values, body=pieces_of_mime)
def test_whatever_is_sent_is_opened_or_refused(kind: str, encoding: str, options: str, body: bytes) -> None:
    headers = [
        ("AS2-From", "NORTHSIDE"),
        ("AS2-To", "EXAMPLECLEAR"),
        ("Message-ID", MESSAGE_ID),
        ("Content-Type", kind),
        ("Content-Transfer-Encoding", encoding),
        ("Disposition-Notification-To", "x"),
        ("Disposition-Notification-Options", options),
    ]
    with suppress(As2Refused):
        arrived(headers, body, agreed(sign="", encrypt=""))
    content = spool()
    content.write(body)
    with suppress(As2Refused):
        peek(headers, content)
    with suppress(As2Refused):
        read_mdn([("Content-Type", kind)], content, terms=agreed(mdn_signed=False), at=NOW)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128))
def test_an_as2_name_reads_back_from_its_header(name: str) -> None:
    assert unquoted(quoted(name)) == name


@given(st.binary(max_size=300), st.text(max_size=200))
def test_headers_values_and_options_are_read_or_not_and_never_break(block: bytes, text: str) -> None:
    headers = read_headers(block)
    assert headers is None or all(name for name, _ in headers)
    assert read_value(text).kind == text.partition(";")[0].strip().lower()
    assert all(isinstance(required, bool) for required, _ in read_options(text).values())
    assert Disposition.read(text) is None or Disposition.read(text)
    assert Mic.read(text) is None or Mic.read(text)


def chunked(content: bytes, sizes: list[int]) -> Iterator[bytes]:
    at, widths = 0, cycle(sizes)
    while at < len(content):
        width = next(widths)
        yield content[at : at + width]
        at += width


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@given(
    content=st.one_of(bytes_with_lines, st.text("\x00a~ ", max_size=400).map(str.encode)),
    there=st.lists(st.integers(1, 80), min_size=1, max_size=5),
    back=st.lists(st.integers(1, 80), min_size=1, max_size=5),
)
@example(b"\0" * 25 + b"!-", [26], [1])  # A piece whose last line is full.
@example(b"\0" * 24 + b"!!!!\0", [28], [1])
def test_a_transfer_encoding_is_undone_in_pieces_of_any_size(
    encoding: Any, content: bytes, there: list[int], back: list[int]
) -> None:
    written = b"".join(encoded(chunked(content, there), encoding))
    assert b"".join(decoded(chunked(written, back), encoding)) == content
    assert max(map(len, written.split(b"\r\n"))) <= 76
    assert b"\n" not in written.replace(b"\r\n", b"")
    if encoding == "base64":
        assert len(written) == encoded_length(len(content))


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@given(content=st.binary(max_size=100), sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_whatever_is_said_to_be_encoded_is_decoded_or_refused(encoding: str, content: bytes, sizes: list[int]) -> None:
    with suppress(BadEncoding):
        assert b"".join(decoded(chunked(content, sizes), encoding)) == b"".join(decoded([content], encoding))


@given(
    body=st.lists(
        st.sampled_from([b"--b", b"--", b"b", b"\r\n", b"\n", b"\r", b" ", b"\t", b"x", b"--b--", b"\r\n--b\r\n"]),
        max_size=40,
    ).map(b"".join),
    size=st.integers(1, 40),
)
@example(b"--b\r\n\r\n--b\n--b--", 3)
def test_boundary_lines_are_found_wherever_pieces_end(body: bytes, size: int) -> None:
    with Spool(limit_memory=16) as content:
        content.write(body)
        found = list(delimiters(content.window(), b"b", size))
    expected, at, before = [], 0, 0
    for line in body.split(b"\n"):
        ended = at + len(line) < len(body)
        if hit := re.fullmatch(rb"--b(--)?[ \t]*", line.removesuffix(b"\r") if ended else line):
            expected.append(Delimiter(at - before, at + len(line) + ended, last=bool(hit[1])))
        before = 2 if line.endswith(b"\r") else 1
        at += len(line) + 1
    assert found == expected


def test_a_message_goes_through_at_any_size_around_a_piece() -> None:
    terms = agreed()
    for size in (262_143, 262_144, 262_145, 262_000):
        content = bytes(range(256)) * 1025
        message = built(content[:size], terms)
        assert b"".join(sent(message, terms).parts[0].content.pieces()) == content[:size]

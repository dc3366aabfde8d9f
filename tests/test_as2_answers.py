"""What an answer over HTTP means for the message that was posted: a receipt alone proves a delivery.

The cases of the field are named by their numbers in the list that the transports were written from.
"""

from collections.abc import Callable
from functools import cache

import pytest
from as2_company import REFERENCE, Company, company, proves, says
from as2_server import site
from as2_stage import X12, agreed, built, document, mirrored
from cms_keys import NOW, made
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import PartnerRefused, PartnerUnreachable
from gateway.transport.as2 import message_id
from gateway.transport.as2.disposition import (
    AUTHENTICATION_FAILED,
    DECRYPTION_FAILED,
    INSUFFICIENT_SECURITY,
    PROCESSED,
    UNEXPECTED_ERROR,
    Disposition,
)
from gateway.transport.as2.http import Answer
from gateway.transport.as2.mdn import build_mdn
from gateway.transport.as2.message import MdnWanted, Mic
from gateway.transport.as2.outcome import Posted, outcome, receipt
from gateway.transport.as2.terms import Terms
from gateway.transport.base import Proof, Sent

__all__ = ["company"]

PATIENT = "ZIMMERWALD_QUINTESSA.edi"

Pairs = list[tuple[str, str]]


def _head(first: str, headers: Pairs) -> bytes:
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in headers), "", ""]).encode()


def _chunked(headers: Pairs, body: bytes) -> bytes:
    pieces = [body[at : at + 700] for at in range(0, len(body), 700)]
    coded = b"".join(f"{len(each):x}; x=y\r\n".encode() + each + b"\r\n" for each in pieces)
    return _head("HTTP/1.1 200 OK", [*headers, ("Transfer-Encoding", "chunked")]) + coded + b"0\r\nX: y\r\n\r\n"


def _until_closed(headers: Pairs, body: bytes) -> bytes:
    return _head("HTTP/1.0 200 OK", headers) + body


def _after_a_continue(headers: Pairs, body: bytes) -> bytes:
    length = [("Content-Length", str(len(body)))]
    return _head("HTTP/1.1 100 Continue", []) + _head("HTTP/1.1 200 OK", headers + length) + body


def _folded(headers: Pairs, body: bytes) -> bytes:
    folded = [(name, value.replace("; ", ";\r\n\t")) for name, value in headers]
    return _after_a_continue(folded, body)


def _small_letters(headers: Pairs, body: bytes) -> bytes:
    return _after_a_continue([(name.lower(), value) for name, value in headers], body)


@pytest.mark.parametrize("wire", [_chunked, _until_closed, _after_a_continue, _folded, _small_letters])
@pytest.mark.parametrize("signed", [True, False])
def test_case_7_a_receipt_counts_however_http_brings_it(
    company: Company, wire: Callable[[Pairs, bytes], bytes], signed: bool
) -> None:
    terms = agreed(mdn_signed=signed)
    company.site.then(company.answers(terms, wire=wire))
    assert company.send(terms=terms).state is Sent.DELIVERED


@settings(max_examples=60, deadline=None)
@given(
    status=st.integers(200, 599),
    kind=st.sampled_from(["", "text/html", "multipart/report; boundary=x", "multipart/signed; boundary=x", "\0"]),
    body=st.binary(max_size=200) | st.just(b"--x\r\n\r\n--x--"),
    mdn=st.sampled_from(["sync", "async"]),
)
def test_no_answer_delivers_but_a_receipt(status: int, kind: str, body: bytes, mdn: str) -> None:
    terms = agreed(mdn=mdn, mdn_url="https://x/" if mdn == "async" else "")
    answer = Answer(status=status, headers=(("Content-Type", kind),), body=body)
    posted = Posted(message_id="<a@b>", mic=Mic.of(b"\0" * 32, "sha256"))
    state, words = _ended(answer, posted, terms)
    assert state is not Sent.DELIVERED
    assert words or state is Sent.AWAITED
    assert state is not None or status >= 300


def _ended(answer: Answer, posted: Posted, terms: Terms) -> tuple[Sent | None, str]:
    """How it ended, and what a person is told; None where all traffic waits."""
    try:
        found = outcome(answer, posted, terms=terms, where="as2", at=NOW)
    except (PartnerRefused, PartnerUnreachable) as error:
        return None, error.fix
    return found.state, found.reason


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_receipt_with_any_byte_of_its_signed_part_changed_proves_nothing(data: st.DataObject) -> None:
    headers, body, posted = _receipt()
    boundary = body[: body.index(b"\r\n")]
    start, end = len(boundary) + 2, body.index(b"\r\n" + boundary, 2)
    place = data.draw(st.integers(start, end - 1))
    changed = bytearray(body)
    changed[place] ^= data.draw(st.integers(1, 255))
    assert receipt(headers, body, posted, terms=agreed(), at=NOW).state is Proof.RECEIVED
    assert receipt(headers, bytes(changed), posted, terms=agreed(), at=NOW).state is Proof.FORGED


@cache
def _receipt() -> tuple[tuple[tuple[str, str], ...], bytes, Posted]:
    message = built(X12, agreed(), "<a@b>")
    wanted = MdnWanted(message_id="<a@b>", as2_from="NORTHSIDE", as2_to="EXAMPLECLEAR", to="x", signed=True)
    made_ = build_mdn(wanted, PROCESSED, message.mic, terms=mirrored(agreed()), at=NOW, message_id="<m@x>")
    assert message.mic is not None
    return tuple(made_.headers), b"".join(made_.chunks()), Posted(message_id="<a@b>", mic=message.mic)


# Never delivered: receipts that prove nothing


def test_case_4_a_receipt_by_the_wrong_signer_does_not_count(company: Company) -> None:
    company.site.then(company.answers(our_signers=(made("rsa-stranger").identity,)))
    outcome = company.send()
    assert (outcome.state, proves(outcome)) == (Sent.UNKNOWN, Proof.FORGED)
    assert "the receipt does not count" in outcome.reason
    assert outcome.receipt is not None
    assert outcome.receipt.body, "it is kept as it came"


def test_case_4_an_unsigned_receipt_where_a_signed_one_was_asked_for_does_not_count(company: Company) -> None:
    company.site.then(company.answers(signed=False))
    outcome = company.send()
    assert (outcome.state, proves(outcome)) == (Sent.UNKNOWN, Proof.FORGED)
    assert "it is not signed" in outcome.reason


def test_case_4_a_receipt_without_a_mic_does_not_count(company: Company) -> None:
    company.site.then(company.answers(mic=lambda _: None))
    outcome = company.send()
    assert (outcome.state, proves(outcome)) == (Sent.UNKNOWN, Proof.FORGED)


def test_a_receipt_for_another_message_does_not_count(company: Company) -> None:
    company.site.then(company.answers(message_id="<other@northside.example>"))
    outcome = company.send()
    assert (outcome.state, proves(outcome)) == (Sent.UNKNOWN, Proof.FORGED)
    assert "for another message" in outcome.reason


def test_a_wrong_mic_says_that_other_content_arrived(company: Company) -> None:
    company.site.then(company.answers(mic=lambda mic: Mic.of(b"\0" * 32, mic.algorithm)))
    outcome = company.send()
    assert (outcome.state, proves(outcome)) == (Sent.UNKNOWN, Proof.MISMATCH)
    assert "the MICs differ" in outcome.reason


@pytest.mark.parametrize(("differs", "state"), [(False, Sent.DELIVERED), (True, Sent.UNKNOWN)])
def test_case_3_a_mic_under_another_algorithm_than_asked_for_is_compared_under_that(
    company: Company, differs: bool, state: Sent
) -> None:
    terms = agreed(sign="sha512")
    other = built([document(X12, "837_1.edi")], terms, message_id(REFERENCE)).mic_as("sha256")
    given = Mic.of(b"\0" * 32, "sha256") if differs else other
    company.site.then(company.answers(terms, mic=lambda _: given))
    assert company.send(terms=terms).state is state


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/report; boundary=x", b"--x\r\n\r\nnothing\r\n--x--\r\n"),
        ("multipart/signed; boundary=x", b"\0" * 100),
        ("multipart/signed", b"x"),
        ("application/pkcs7-mime; smime-type=signed-data", b"\x30\x80\x00\x00"),
        ("multipart/report", b"x" * (1024 * 1024 + 1)),
    ],
)
def test_what_cannot_be_read_as_a_receipt_does_not_count(company: Company, kind: str, body: bytes) -> None:
    company.site.then(says(200, {"Content-Type": kind}, body))
    outcome = company.send()
    assert (outcome.state, proves(outcome)) == (Sent.UNKNOWN, Proof.FORGED)


@pytest.mark.parametrize("kind", ["text/html", "application/edi-x12", "multipart/mixed; boundary=x", ""])
def test_a_success_without_a_receipt_where_one_was_asked_for_proves_nothing(company: Company, kind: str) -> None:
    company.site.then(says(200), says(200, {"Content-Type": kind}, b"<p>OK</p>"))
    assert [company.send().state for _ in range(2)] == [Sent.UNKNOWN] * 2


# The partner says no


@pytest.mark.parametrize("disposition", [AUTHENTICATION_FAILED, DECRYPTION_FAILED, INSUFFICIENT_SECURITY], ids=str)
def test_a_negative_receipt_refuses_the_document_in_words(company: Company, disposition: Disposition) -> None:
    company.site.then(company.answers(disposition=disposition))
    outcome = company.send()
    assert (outcome.state, proves(outcome)) == (Sent.REFUSED, Proof.REFUSED)
    assert outcome.reason == f"the partner did not take it: {disposition.short}"


def test_a_negative_receipt_that_may_pass_is_tried_again(company: Company) -> None:
    company.site.then(company.answers(disposition=UNEXPECTED_ERROR))
    outcome = company.send()
    assert (outcome.state, proves(outcome)) == (Sent.UNKNOWN, Proof.REFUSED)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "correct username and password"),
        (403, "let our address, login or certificate in, and compare the AS2 names of both sides"),
        (404, "correct url in its file"),
        (405, "correct url in its file"),
        (407, "A proxy stands between"),
        (410, "correct url in its file"),
        (501, "correct url in its file"),
        (301, "its URL has moved"),
        (307, "its URL has moved"),
    ],
)
def test_a_refusal_that_a_person_must_mend_stops_the_traffic(company: Company, status: int, words: str) -> None:
    with site() as elsewhere:
        elsewhere.then(says(200))
        company.site.then(says(status, {"Location": elsewhere.url}))
        with pytest.raises(PartnerRefused) as caught:
            company.send(name=PATIENT)
        assert f"the server answered {status}" in str(caught.value)
        assert words in str(caught.value)
        assert elsewhere.seen == [], "no redirect is followed"
        assert "ZIMMERWALD" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 406, 413, 415, 422, 431])
def test_a_refusal_of_one_document_leaves_the_traffic_alone(company: Company, status: int) -> None:
    company.site.then(says(status), company.answers())
    outcome = company.send(name=PATIENT)
    assert (outcome.state, outcome.receipt) == (Sent.REFUSED, None)
    assert f"the server answered {status}." in outcome.reason
    assert company.send().state is Sent.DELIVERED


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_a_busy_server_is_asked_later_and_as_late_as_it_says(company: Company, status: int) -> None:
    company.site.then(says(status, {"Retry-After": "120"}), says(status))
    for wait_s in (120.0, 0.0):
        with pytest.raises(PartnerUnreachable) as caught:
            company.send()
        assert caught.value.wait_s == wait_s


@pytest.mark.parametrize("status", [102, 500, 502, 504])
def test_a_server_that_fails_may_have_taken_it(company: Company, status: int) -> None:
    company.site.then(says(status, {"Retry-After": "60"}, b"Zimmerwald was not expected"))
    outcome = company.send()
    assert (outcome.state, outcome.reason, outcome.wait_s) == (Sent.UNKNOWN, f"the server answered {status}", 60.0)

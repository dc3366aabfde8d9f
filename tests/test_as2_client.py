"""Messages that go to a partner over AS2, against a real server on loopback: what each answer means, and each fault.

The cases of the field are named by their numbers in the list that the transports were written from.
"""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from as2_company import REFERENCE, Company
from as2_server import Exchange, Script, site, tls_keys
from as2_stage import X12, agreed, built, document, mirrored
from cms_keys import NOW, made
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, PartnerRefused, PartnerUnreachable
from gateway.transport.as2 import As2Settings, ClientCertificate, message_id, ping
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
from gateway.transport.as2.restart import FROM_BYTES
from gateway.transport.as2.terms import Terms
from gateway.transport.base import Outcome, Proof, Sent, open_transport

PATIENT = "ZIMMERWALD_QUINTESSA.edi"
LARGE = X12 * (3 * FROM_BYTES // len(X12))


@pytest.fixture
def company() -> Iterator[Company]:
    with site() as made_:
        yield Company(made_)


def says(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Script:
    def script(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(status, headers, body)

    return script


def proves(outcome: Outcome) -> Proof:
    assert outcome.receipt is not None
    return outcome.receipt.state


# Delivered


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sign": ""},
        {"encrypt": ""},
        {"compress": "before"},
        {"compress": "after", "encrypt": "aes256-gcm", "sign": "sha512"},
        {"transfer_encoding": "base64"},
        {"mdn_signed": False},
        {"key_transport": "oaep-sha256", "pss": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("payload", [X12, b"one\ntwo\n", b"", X12 * 10_000], ids=["x12", "LF", "empty", "large"])
def test_a_receipt_proves_a_delivery_byte_for_byte(company: Company, changes: dict[str, Any], payload: bytes) -> None:
    terms = agreed(**changes)
    company.site.then(company.answers(terms))
    outcome = company.send(payload, terms)
    assert (outcome.state, outcome.reason, proves(outcome)) == (Sent.DELIVERED, "", Proof.RECEIVED)
    assert outcome.receipt is not None
    assert outcome.receipt.message_id == message_id(REFERENCE) == f"<{REFERENCE}@therapy-gateway>"
    assert outcome.receipt.disposition == "processed"
    assert outcome.receipt.mic == company.taken[0].mic.digest
    assert outcome.receipt.body
    assert ("Content-Type", "multipart/") in [(name, value[:10]) for name, value in outcome.receipt.headers]
    assert [part.open().read() for part in company.taken[0].parts] == [payload]
    assert company.taken[0].parts[0].name == "837_1.edi"
    (posted,) = company.site.seen
    assert (posted.get("AS2-From"), posted.get("AS2-To"), posted.get("Message-ID")) == (
        "NORTHSIDE", "EXAMPLECLEAR", message_id(REFERENCE),
    )  # fmt: skip
    assert int(posted.get("Content-Length")) == len(posted.body)


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


def test_the_hook_is_told_before_the_first_byte_and_may_stop_it(company: Company) -> None:
    told: list[tuple[str, str, int]] = []

    def before(name: str, mic: Mic) -> bool:
        told.append((name, mic.digest, len(company.site.seen)))
        return len(told) == 1

    company.site.then(company.answers())
    outcome = company.send(before=before)
    assert outcome.receipt is not None
    assert told == [(message_id(REFERENCE), outcome.receipt.mic, 0)]
    assert company.send(before=before).state is Sent.DELIVERED
    assert len(company.site.seen) == 1, "its receipt came meanwhile: nothing is sent"

    def broken(name: str, mic: Mic) -> bool:
        raise GatewayError("the database is full")

    with pytest.raises(GatewayError, match="the database is full"):
        company.send(before=broken)
    assert len(company.site.seen) == 1


def test_case_8_a_resend_after_a_lost_receipt_has_the_same_message_id_and_mic(company: Company) -> None:
    seen: list[Mic] = []

    def before(_: str, mic: Mic) -> bool:
        seen.append(mic)
        return True

    def lost(exchange: Exchange) -> None:
        exchange.read()
        company.opens(exchange, agreed())
        exchange.cut()

    company.site.then(lost, company.answers())
    assert company.send(before=before).state is Sent.UNKNOWN
    assert company.send(before=before).state is Sent.DELIVERED
    first, second = company.site.seen
    assert first.get("Message-ID") == second.get("Message-ID")
    assert seen[0].same(seen[1])
    assert company.taken[0].mic.same(company.taken[1].mic)


def test_an_asynchronous_receipt_is_awaited(company: Company) -> None:
    terms = agreed(mdn="async", mdn_url="https://northside.example/as2")
    company.site.then(says(200), says(202, {"Content-Type": "text/html"}, b"<p>thank you</p>"), company.answers(terms))
    assert [company.send(terms=terms).state for _ in range(2)] == [Sent.AWAITED, Sent.AWAITED]
    assert company.site.seen[0].get("Receipt-Delivery-Option") == "https://northside.example/as2"
    assert company.send(terms=terms).state is Sent.DELIVERED, "one that comes at once all the same counts"


def test_without_a_receipt_agreed_on_a_success_is_all_there_is(company: Company) -> None:
    company.site.then(says(204))
    outcome = company.send(terms=agreed(mdn="none"))
    assert (outcome.state, outcome.receipt) == (Sent.DELIVERED, None)
    assert company.site.seen[0].get("Disposition-Notification-To") == ""


def test_a_payload_that_cannot_be_read_again_goes_through_a_spool(company: Company, tmp_path: Path) -> None:
    class Once(io.BytesIO):
        def seekable(self) -> bool:
            return False

    company.site.then(company.answers())
    with company.transport(spool=tmp_path) as transport:
        assert transport.send("a.edi", Once(LARGE), reference=REFERENCE).state is Sent.DELIVERED
    assert company.taken[0].parts[0].open().read() == LARGE
    assert list(tmp_path.iterdir()) == []


def test_our_own_copy_cut_short_is_told_and_nothing_is_sent(company: Company) -> None:
    with company.transport() as transport, pytest.raises(GatewayError, match="our own copy"):
        transport.send("a.edi", io.BytesIO(X12), len(X12) + 1, reference=REFERENCE)
    assert company.site.seen == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a\nb"])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_sent(company: Company, name: str) -> None:
    assert company.send(name=name).state is Sent.REFUSED
    assert company.site.seen == []


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
        (403, "let our address, login or certificate in"),
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


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_that_fails_may_have_taken_it(company: Company, status: int) -> None:
    company.site.then(says(status, {"Retry-After": "60"}, b"Zimmerwald was not expected"))
    outcome = company.send()
    assert (outcome.state, outcome.reason, outcome.wait_s) == (Sent.UNKNOWN, f"the server answered {status}", 60.0)


# The connection breaks


def test_a_connection_cut_in_the_middle_leaves_it_open(company: Company) -> None:
    def cut(exchange: Exchange) -> None:
        exchange.read(1000)
        exchange.cut()

    company.site.then(cut, company.answers())
    assert company.send(LARGE).state is Sent.UNKNOWN
    assert company.send(LARGE).state is Sent.DELIVERED


def test_a_receipt_that_is_late_leaves_it_open(company: Company) -> None:
    company.site.then(company.site.late)
    assert company.send(timeout_s=0.2).state is Sent.UNKNOWN


def test_nobody_there_sent_nothing(company: Company) -> None:
    with site() as gone:
        url = gone.url
    with pytest.raises(PartnerUnreachable):
        company.send(url=url)


# Case 9: certificates that overlap, in all six places


def test_case_9_of_our_signing_keys_the_first_valid_one_signs(company: Company) -> None:
    next_, old = made("rsa-northside-next"), made("expired-northside")
    terms = agreed(our_signers=(old.identity, next_.identity, made("rsa-northside").identity))
    company.site.then(company.answers(terms, their_signers=(made("rsa-northside").certificate, next_.certificate)))
    assert company.send(terms=terms).state is Sent.DELIVERED
    assert company.taken[0].signed_by == next_.certificate


def test_case_9_of_the_partners_encryption_certificates_the_first_valid_one_is_used(company: Company) -> None:
    next_ = made("rsa-exampleclear-next")
    terms = agreed(their_encryption=(made("expired-exampleclear").certificate, next_.certificate))
    company.site.then(company.answers(terms, our_decryptors=(made("rsa-exampleclear").identity, next_.identity)))
    assert company.send(terms=terms).state is Sent.DELIVERED


@pytest.mark.parametrize("signer", ["rsa-exampleclear", "rsa-exampleclear-next"])
def test_case_9_a_receipt_counts_under_each_of_the_partners_signing_certificates(company: Company, signer: str) -> None:
    pinned = (made("rsa-exampleclear").certificate, made("rsa-exampleclear-next").certificate)
    company.site.then(company.answers(our_signers=(made(signer).identity,)))
    assert company.send(terms=agreed(their_signers=pinned)).state is Sent.DELIVERED


def test_case_9_server_and_client_certificates_overlap_too(tmp_path: Path) -> None:
    ours, next_ours = tls_keys("our client"), tls_keys("our next client", starts=datetime(2026, 1, 1, tzinfo=UTC))
    pins = (tls_keys("server").fingerprint, tls_keys("next server").fingerprint)
    shown = [ClientCertificate.load(each.certificate.encode(), each.key) for each in (ours, next_ours)]
    for server, wanted in (("server", next_ours), ("next server", next_ours)):
        with site(tls_keys(server), tmp_path, client=wanted) as there:
            company = Company(there)
            there.then(company.answers())
            assert company.send(pins=pins, clients=shown).state is Sent.DELIVERED


def test_a_server_with_another_certificate_gets_nothing(tmp_path: Path) -> None:
    with site(tls_keys("server"), tmp_path) as there:
        company = Company(there)
        there.then(company.answers())
        with pytest.raises(PartnerRefused, match="not pinned"):
            company.send(pins=(tls_keys("next server").fingerprint,))
        assert there.seen == []


@pytest.mark.parametrize(
    "changes",
    [
        {"our_signers": (made("expired-a").identity,)},
        {"their_encryption": (made("expired-a").certificate,)},
        {"our_signers": ()},
    ],
    ids=["ours", "theirs", "none"],
)
def test_without_a_valid_certificate_all_traffic_waits_for_a_person(company: Company, changes: dict[str, Any]) -> None:
    with pytest.raises(PartnerRefused, match="there is no certificate to"):
        company.send(terms=agreed(**changes))
    assert company.site.seen == []


# AS2 restart


class Restarting:
    """A server that keeps what was cut off: it stops reading each post after so many bytes, and then never more."""

    def __init__(self, company: Company, *stops: int | None, forgets: bool = False) -> None:
        self.company = company
        self.stops = list(stops)
        self.kept: dict[str, bytes] = {}
        self.forgets = forgets
        self.ranges: list[str] = []

    def __call__(self, exchange: Exchange) -> None:
        tag = exchange.get("ETag")
        if exchange.method == "HEAD":
            known = tag in self.kept and not self.forgets
            exchange.answer(200 if known else 404, {"Content-Length": str(len(self.kept[tag]) if known else 0)})
            return
        self.ranges.append(exchange.get("Content-Range"))
        first = int(self.ranges[-1].split()[1].split("-")[0]) if self.ranges[-1] else 0
        assert first == len(self.kept.get(tag, b""))
        stop = self.stops.pop(0)
        exchange.read(stop)
        self.kept[tag] = self.kept.get(tag, b"") + exchange.body
        if stop is not None:
            exchange.cut()
            return
        exchange.body = self.kept[tag]
        self.company.answers()(_whole(exchange))


def _whole(exchange: Exchange) -> Exchange:
    exchange.read = lambda size=None: b""  # type: ignore[method-assign]
    return exchange


def test_restart_takes_up_a_large_message_where_it_was_cut(company: Company, tmp_path: Path) -> None:
    waits: list[float] = []
    there = Restarting(company, 1_000_000, 500_000, None)
    company.site.then(there)
    outcome = company.send(LARGE, restart=True, wait=waits.append, spool=tmp_path)
    assert (outcome.state, proves(outcome)) == (Sent.DELIVERED, Proof.RECEIVED)
    assert company.taken[0].parts[0].open().read() == LARGE
    total = len(next(iter(there.kept.values())))
    assert there.ranges == ["", f"bytes 1000000-{total - 1}/{total}", f"bytes 1500000-{total - 1}/{total}"]
    assert waits == [1.0, 1.0]
    heads = [each for each in company.site.seen if each.method == "HEAD"]
    assert {each.get("Message-ID") for each in company.site.seen} == {message_id(REFERENCE)}
    assert all(each.get("AS2-From") == "NORTHSIDE" and each.get("ETag") for each in heads)
    assert list(tmp_path.iterdir()) == []


def test_restart_is_used_where_the_partner_announced_it(company: Company) -> None:
    announced: set[str] = set()

    def announcing(exchange: Exchange) -> None:
        exchange.more = {"EDIINT-Features": "multiple-attachments, AS2-Restart"}
        company.answers()(exchange)

    company.site.then(announcing)
    assert company.send(announced=announced).state is Sent.DELIVERED
    assert announced == {"exampleclear"}
    assert company.site.seen[0].get("ETag") == ""
    company.site.then(Restarting(company, 1_000_000, None))
    assert company.send(LARGE, announced=announced, wait=lambda _: None).state is Sent.DELIVERED


def test_restart_is_not_tried_where_nobody_spoke_of_it(company: Company) -> None:
    company.site.then(Restarting(company, 1_000_000, None))
    assert company.send(LARGE).state is Sent.UNKNOWN
    assert [each.method for each in company.site.seen] == ["POST"]


def test_restart_of_what_is_small_is_not_worth_it(company: Company) -> None:
    company.site.then(Restarting(company, 10))
    assert company.send(restart=True).state is Sent.UNKNOWN
    assert [each.method for each in company.site.seen] == ["POST"]


def test_restart_gives_up_where_the_far_side_has_forgotten(company: Company) -> None:
    company.site.then(Restarting(company, 1_000_000, forgets=True))
    assert company.send(LARGE, restart=True, wait=lambda _: None).state is Sent.UNKNOWN
    assert [each.method for each in company.site.seen] == ["POST", "HEAD"]


def test_restart_gives_up_where_nothing_more_arrives(company: Company) -> None:
    waits: list[float] = []
    there = Restarting(company, 1_000_000, 0, 0, 0, 0, 0, 0)
    company.site.then(there)
    assert company.send(LARGE, restart=True, wait=waits.append).state is Sent.UNKNOWN
    assert waits == [1.0, 1.0, 2.0, 4.0, 8.0]


# Trying a connection


def steps(company: Company, *, writing: bool = True, **more: Any) -> dict[str, str]:
    with company.transport(**more) as transport:
        return {each.step: ("ok: " if each.ok else "FAIL: ") + each.words for each in transport.probe(writing=writing)}


def test_a_ping_is_answered_by_a_signed_receipt(tmp_path: Path) -> None:
    with site(tls_keys("server"), tmp_path) as there:
        company = Company(there)
        there.then(company.answers())
        told = steps(company, terms=agreed(mdn="async", mdn_url="https://x/"), pins=(tls_keys("server").fingerprint,))
    assert list(told) == ["certificates", "connect", "tls", "message", "receipt"]
    assert told["message"] == "ok: a test message went over, and the server answered 200"
    assert told["receipt"].startswith("ok: signed under a pinned certificate; it says processed, and its MIC")
    (part,) = company.taken[0].parts
    assert part.open().read().startswith(ping.MARK)
    assert (part.name, part.content_type) == ("as2-test.txt", "text/plain")
    assert company.site.seen[0].get("Subject") == "AS2 test message"
    assert company.site.seen[0].get("Receipt-Delivery-Option") == ""


def test_a_look_sends_nothing(company: Company) -> None:
    company.site.then(company.answers())
    assert list(steps(company, writing=False)) == ["certificates", "connect", "tls"]
    assert company.site.seen == []


@pytest.mark.parametrize(
    ("script", "step", "words"),
    [
        (says(404), "message", "correct url in its file"),
        (says(401), "message", "correct username and password"),
        (says(503), "message", "the server answered 503"),
        (says(200), "receipt", "the server answered with nothing, and a receipt was asked for"),
    ],
)
def test_a_ping_stops_at_the_step_that_fails_and_says_what_to_mend(
    company: Company, script: Script, step: str, words: str
) -> None:
    company.site.then(script)
    told = steps(company)
    assert list(told)[-1] == step
    assert told[step].startswith("FAIL: ")
    assert words in told[step]


def test_a_ping_says_what_to_mend_of_a_receipt(company: Company) -> None:
    company.site.then(
        company.answers(our_signers=(made("rsa-stranger").identity,)), company.answers(disposition=DECRYPTION_FAILED)
    )
    assert "Compare signing_certificates with what the partner signs with" in steps(company)["receipt"]
    assert "Ask the partner which certificates and algorithms it holds of us" in steps(company)["receipt"]
    assert "FAIL: " in steps(company, terms=agreed(our_signers=()))["certificates"]


def test_it_opens_by_the_name_of_its_kind_and_fetches_nothing(company: Company) -> None:
    wanted = As2Settings(terms=agreed(), url=company.site.url)
    with open_transport(wanted) as transport:
        assert (list(transport.fetch(Nothing())), transport.listing(), transport.findings) == ([], (), [])
    assert not any(each in repr(wanted) for each in ("PRIVATE", "RSAPrivateKey"))


class Nothing:
    def has(self, key: str) -> bool:
        return False

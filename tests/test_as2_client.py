"""Messages that go to a partner over AS2, against a real server on loopback: what goes over, and what breaks there.

The cases of the field are named by their numbers in the list that the transports were written from.
"""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from as2_company import LARGE, REFERENCE, Company, company, proves, says
from as2_server import Exchange, site, tls_keys
from as2_stage import X12, agreed
from cms_keys import made

from gateway.errors import GatewayError, PartnerRefused, PartnerUnreachable
from gateway.transport.as2 import ClientCertificate, message_id
from gateway.transport.as2.message import Mic
from gateway.transport.base import Proof, Sent

__all__ = ["company"]


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

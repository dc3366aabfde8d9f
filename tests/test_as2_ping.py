"""Trying a connection: each step up to a receipt for a test message, and what to mend at the one that fails."""

from pathlib import Path
from typing import Any

import pytest
from as2_company import Company, company, says
from as2_server import Script, site, tls_keys
from as2_stage import agreed
from cms_keys import made

from gateway.transport.as2 import As2Settings, ping
from gateway.transport.as2.disposition import (
    AUTHENTICATION_FAILED,
    DECOMPRESSION_FAILED,
    DECRYPTION_FAILED,
    ILLEGAL_FILENAME,
    INSUFFICIENT_SECURITY,
    INTEGRITY_CHECK_FAILED,
    UNSUPPORTED_FORMAT,
    UNSUPPORTED_MIC,
    Disposition,
)
from gateway.transport.base import open_transport

__all__ = ["company"]

BY_NAME = "Compare us and them in the partner's file with what it knows us by"
CURES = (
    (AUTHENTICATION_FAILED, "Send the partner our signing certificate again, and compare the AS2 names of both sides"),
    (DECRYPTION_FAILED, "Ask the partner for its present certificate, and put it under encryption_certificates"),
    (DECOMPRESSION_FAILED, "Ask the partner whether it takes compressed messages"),
    (INTEGRITY_CHECK_FAILED, "try another transfer_encoding"),
    (INSUFFICIENT_SECURITY, "Compare sign and encrypt in the partner's file with what it wants"),
    (ILLEGAL_FILENAME, "write file_name = false"),
    (UNSUPPORTED_FORMAT, "Compare mdn_signed"),
    (UNSUPPORTED_MIC, "Compare sign in the partner's file with what it wants"),
    (Disposition("processed", "error", "unknown-trading-partner"), BY_NAME),
    (Disposition("processed", "error", "unknown-trading-relationship"), BY_NAME),
    (
        Disposition("failed", "failure", "sender-equals-receiver"),
        "Ask the partner for the cause, and which certificates",
    ),
)


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
        company.answers(our_signers=(made("rsa-stranger").identity,)),
        *(company.answers(disposition=each) for each, _ in CURES),
    )
    assert "Compare signing_certificates with what the partner signs with" in steps(company)["receipt"]
    for disposition, words in CURES:
        told = steps(company)["receipt"]
        assert disposition.short in told
        assert words in told
    assert "FAIL: " in steps(company, terms=agreed(our_signers=()))["certificates"]


def test_it_opens_by_the_name_of_its_kind_and_fetches_nothing(company: Company) -> None:
    wanted = As2Settings(terms=agreed(), url=company.site.url)
    with open_transport(wanted) as transport:
        assert (list(transport.fetch(Nothing())), transport.listing(), transport.findings) == ([], (), [])
    assert not any(each in repr(wanted) for each in ("PRIVATE", "RSAPrivateKey"))


class Nothing:
    def has(self, key: str) -> bool:
        return False

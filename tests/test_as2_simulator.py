"""Our AS2 and the simulator's, each written without the other, over real sockets: what its faults mean to us."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from as2_far import PAYLOAD, Cast, Far
from as2_partner import Came, Keys, Receiver, Reply, post

from gateway.errors import PartnerRefused, PartnerUnreachable
from gateway.simulator.as2.faults import Faults
from gateway.transport.as2 import As2Settings, As2Transport
from gateway.transport.as2.disposition import DECRYPTION_FAILED, PROCESSED, Disposition
from gateway.transport.as2.mdn import build_mdn, read_mdn
from gateway.transport.as2.message import open_message
from gateway.transport.as2.terms import Terms
from gateway.transport.base import Outcome, Proof, Sent
from gateway.transport.cms import Certificate, Identity
from gateway.transport.spool import Spool

PAYLOADS = [b"ISA*00*" + ending for ending in (b"", b"\n", b"\r", b"\r\n")]
REFERENCE = "do_NzUkywi8N8jmgVC9V1CLpQ"


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return Cast(tmp_path_factory.mktemp("cast"))


def terms_of(ours: Keys, theirs: Path, **changes: Any) -> Terms:
    """What we hold of the simulated company."""
    own = Identity.load(ours.certificate.read_bytes(), ours.key.read_bytes())
    certificate = Certificate.load(theirs.read_bytes())
    usual = Terms(
        partner="simulated",
        us="GATEWAY",
        them="SIMPAYER",
        our_signers=(own,),
        our_decryptors=(own,),
        their_signers=(certificate,),
        their_encryption=(certificate,),
    )
    return replace(usual, **changes)


class Both:
    """Our transport and the simulator that it sends to."""

    def __init__(self, cast: Cast, folder: Path, stack: ExitStack) -> None:
        self._cast, self._folder, self._stack = cast, folder, stack
        self.far: Far

    def simulator(self, **terms: Any) -> None:
        agreement = replace(self._cast.agreement, **terms)
        self.far = self._stack.enter_context(self._cast.started(self._folder / "far", agreement))

    def terms(self, **changes: Any) -> Terms:
        return terms_of(self.far.partner, self.far.certificate, **changes)

    def send(self, payload: bytes = PAYLOAD, *, reference: str = REFERENCE, **changes: Any) -> Outcome:
        url = f"http://127.0.0.1:{self.far.port}/as2"
        settings = As2Settings(terms=self.terms(**changes), url=url, timeout_s=20)
        with As2Transport(settings, now=lambda: datetime.now(UTC)) as transport:
            return transport.send("278_1.edi", BytesIO(payload), len(payload), reference=reference)

    def publishes(self, *payloads: bytes) -> None:
        """The simulator sends files."""
        assert self.far.office.sender is not None
        for number, payload in enumerate(payloads):
            (self.far.bench.mailroom.outbound / f"999_{number:06}.x12").write_bytes(payload)
            assert self.far.office.sender.send_due() == 1

    def did(self) -> list[str]:
        return [each["did"] for each in self.far.deeds()]


@pytest.fixture
def both(cast: Cast, tmp_path: Path) -> Iterator[Both]:
    with ExitStack() as stack:
        yield Both(cast, tmp_path, stack)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sign": "sha384"},
        {"sign": "sha512", "pss": True},
        {"encrypt": "aes128-cbc"},
        {"compress": "before"},
        {"compress": "after"},
        {"transfer_encoding": "base64"},
        {"sign": "", "compress": "before"},
        {"encrypt": ""},
        {"sign": "", "encrypt": ""},
        {"mdn_signed": False},
    ],
    ids=str,
)
def test_the_simulator_takes_what_we_send_byte_for_byte(both: Both, changes: dict[str, Any]) -> None:
    both.simulator(require_signature=False, require_encryption=False)
    for number, payload in enumerate(PAYLOADS):
        outcome = both.send(payload, reference=f"do_{number}", **changes)
        assert (outcome.state, outcome.reason) == (Sent.DELIVERED, "")
        assert outcome.receipt is not None
        assert outcome.receipt.state is Proof.RECEIVED
    assert both.far.inbound() == PAYLOADS


def test_what_the_simulator_must_not_take_is_refused_in_words(both: Both) -> None:
    both.simulator()
    outcome = both.send(sign="")
    assert outcome.state is Sent.REFUSED
    assert outcome.receipt is not None
    assert outcome.receipt.disposition == "processed/error: insufficient-message-security"
    with pytest.raises(PartnerRefused, match="403"):
        both.send(them="SOMEBODY")
    assert both.far.inbound() == []


@pytest.mark.parametrize("fault", ["slow", "late_mdn"])
def test_a_slow_partner_is_waited_for(both: Both, fault: str) -> None:
    both.simulator(faults=Faults(incoming=(fault,)))
    assert both.send().state is Sent.DELIVERED
    assert both.far.inbound() == [PAYLOAD]


def test_a_busy_partner_is_asked_later(both: Both) -> None:
    both.simulator(faults=Faults(incoming=("busy",)), retry_after_s=7)
    with pytest.raises(PartnerUnreachable) as error:
        both.send()
    assert error.value.wait_s == 7
    assert both.send().state is Sent.DELIVERED
    assert both.far.inbound() == [PAYLOAD]


@pytest.mark.parametrize(
    ("fault", "proof", "taken"),
    [
        ("cut_request", None, 0),
        ("cut_response", None, 1),
        ("no_mdn", None, 1),
        ("wrong_mic", Proof.MISMATCH, 1),
        ("wrong_signer", Proof.FORGED, 1),
        ("unsigned_mdn", Proof.FORGED, 1),
        ("negative_mdn", Proof.REFUSED, 0),
    ],
)
def test_after_a_fault_the_same_message_goes_again_and_is_taken_once(
    both: Both, fault: str, proof: Proof | None, taken: int
) -> None:
    both.simulator(faults=Faults(incoming=(fault,)))
    first = both.send()
    assert first.state is Sent.UNKNOWN
    assert (first.receipt.state if first.receipt else None) is proof
    assert len(both.far.inbound()) == taken
    second = both.send()
    assert (second.state, second.reason) == (Sent.DELIVERED, "")
    assert both.far.inbound() == [PAYLOAD]
    assert [each["fault"] for each in both.far.deeds() if each["did"] == "as2_fault"] == [fault]


def test_an_asynchronous_receipt_is_one_that_we_believe(both: Both) -> None:
    both.simulator()
    receiver = Receiver()
    receiver.replies = [lambda: (200, {}, b"")]
    try:
        assert both.send(mdn="async", mdn_url=receiver.url).state is Sent.AWAITED
        assert both.far.office.sender is not None
        assert both.far.office.sender.send_due() == 1
    finally:
        receiver.close()
    (came,) = receiver.came
    with Spool() as spool:
        spool.write(came.body)
        read = read_mdn(list(came.headers.items()), spool, terms=both.terms(), at=datetime.now(UTC))
    assert read.disposition.short == "processed"
    assert read.answers(f"<{REFERENCE}@therapy-gateway>")


# What the simulator sends.


def our_reply(both: Both, came: Came, disposition: Disposition = PROCESSED) -> tuple[list[bytes], Reply]:
    """What we take out of a message of the simulator, and the receipt that we give."""
    now = datetime.now(UTC)
    terms = both.terms(require_signature=False, require_encryption=False)
    with Spool() as spool:
        spool.write(came.body)
        opened = open_message(list(came.headers.items()), spool, terms=terms, spool=Spool, at=now)
        payloads = [part.open().read() for part in opened.parts]
    wanted = opened.mdn_wanted
    assert wanted is not None
    made = build_mdn(wanted, disposition, opened.mic, terms=terms, at=now, message_id="<mdn-1@therapy-gateway>")
    return payloads, (200, dict(made.headers), b"".join(made.chunks()))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"sign": "sha512", "encrypt": "aes128-cbc"},
        {"sign": ""},
        {"encrypt": ""},
        {"sign": "", "encrypt": "", "compress": "before"},
        {"compress": "before"},
        {"compress": "after"},
        {"mdn_signed": False},
    ],
    ids=str,
)
def test_we_take_what_the_simulator_sends_and_it_believes_our_receipt(
    both: Both, receiver: Receiver, terms: dict[str, Any]
) -> None:
    both.simulator(url=receiver.url, **terms)
    taken: list[bytes] = []

    def reply() -> Reply:
        payloads, answer = our_reply(both, receiver.came[-1])
        taken.extend(payloads)
        return answer

    receiver.replies = [reply]
    both.publishes(*PAYLOADS)
    assert taken == PAYLOADS
    assert both.did() == ["as2_sent", "as2_receipted"] * len(PAYLOADS)


def test_the_simulator_reads_our_refusal(both: Both, receiver: Receiver) -> None:
    both.simulator(url=receiver.url)
    receiver.replies = [lambda: our_reply(both, receiver.came[-1], DECRYPTION_FAILED)[1]]
    both.publishes(PAYLOAD)
    assert both.did() == ["as2_sent", "as2_turned_down"]


def test_the_simulator_believes_a_receipt_of_ours_that_is_posted_later(both: Both, receiver: Receiver) -> None:
    both.simulator(url=receiver.url, mdn="async")
    receiver.replies = [lambda: (200, {}, b"")]
    both.publishes(PAYLOAD)
    (came,) = receiver.came
    payloads, (_, headers, body) = our_reply(both, came)
    assert payloads == [PAYLOAD]
    assert post(both.far.port, headers, body).status == 200
    assert both.did() == ["as2_sent", "as2_receipted"]

"""A gateway on a stage: a House over the ``store`` fixture, a partner behind two folders, and what the far side says.

Nothing runs by itself: ``work`` runs the jobs that are due, ``poll`` looks into the inbox, the clock moves when told.
"""

import json
import random
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock

from gateway import resources
from gateway.domain import answer, decision, parties, remittance
from gateway.flow import accept, deliver, worker
from gateway.flow.house import House, Transaction
from gateway.flow.replay import replay
from gateway.settings import Settings
from gateway.store import Document, Job, Store, StoredAuthorization, StoredClaim
from gateway.store.tasks import Task
from gateway.translate import maps
from gateway.transport.pickup import Sightings
from gateway.x12.headers import GroupHeader, InterchangeHeader, SetBody
from gateway.x12.tree import Segment, segment
from gateway.x12.wrapping import wrap

PARTNER = "simulated"
TODAY = date(2026, 3, 2)  # The day of conftest's clock.
ROUNDS_MAX = 200

# Values of the made-up patient that may stand nowhere but sealed, and in the answers to the clinic itself.
PATIENT = {"last_name": "Zimmerwald", "first_name": "Quintessa", "born": "1981-07-19", "member_id": "MBR77001234"}
ADDRESS = {"line": "77 Hollyhock Row", "city": "Marrowbone", "state": "KY", "postal_code": "42759"}
SECRETS = (
    "zimmerwald", "quintessa", "1981-07-19", "19810719", "mbr77001234", "hollyhock", "marrowbone", "m25.561", "m25561",
    "acct-31337",
)  # fmt: skip

Json = dict[str, Any]

# For tables of cases in which the database makes no difference; every journey runs on both all the same.
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def request_json(number: int = 1, **changed: Any) -> Json:
    """A request for twelve visits of two services, as a clinic submits it; a change to None leaves the key out."""
    made = {
        "type": "authorization",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": f"ACCT-31337-A{number}",
        "payer": "SIM01",
        "patient": {**PATIENT},
        "diagnoses": ["M25.561"],
        "starts_on": "2026-03-01",
        "ends_on": "2026-05-31",
        "visits": 12,
        "lines": [{"procedure": "97110", "modifiers": ["GP"]}, {"procedure": "97140", "modifiers": ["GP"]}],
        "providers": [{"role": "service", "name": "Northside Therapy Downtown", "npi": "1234567893"}],
    }
    return _changed(made, changed)


def claim_json(
    number: int = 1, *, served_on: str = "2026-03-02", lines: Sequence[Json] | None = None, **changed: Any
) -> Json:
    """A claim for one visit under the request of the same number, 120.00 and 60.00."""
    usual = [line_json("97110", "120.00", 2, served_on), line_json("97140", "60.00", 1, served_on)]
    made = {
        "type": "claim",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": f"ACCT-31337-C{number}",
        "payer": "SIM01",
        "patient": {**PATIENT, "sex": "female", "address": ADDRESS},
        "diagnoses": ["M25.561"],
        "authorization_ref": f"ACCT-31337-A{number}",
        "rendering": {"last_name": "Therapis", "first_name": "Toni", "npi": "1000000004", "taxonomy": "225100000X"},
        "lines": usual if lines is None else list(lines),
    }
    return _changed(made, changed)


def line_json(procedure: str, charge: str, units: int, served_on: str) -> Json:
    minutes = {"therapist": 15 * units}
    line = {"procedure": procedure, "modifiers": ["GP"], "charge": charge, "units": units, "served_on": served_on}
    return {**line, "minutes": minutes}


def _changed(made: Json, changed: Mapping[str, Any]) -> Json:
    return {key: value for key, value in {**made, **changed}.items() if value is not None}


def settings_in(
    folder: Path,
    *,
    batch_max: int = 100,
    expectations: str = "",
    policy: str = "",
    policy_head: str = "",
    partner: str = "",
    acknowledge: str = 'ta1 = "never"',
) -> Settings:
    """The shipped organisations, partner and policy, with the partner behind two folders of ``folder``.

    ``expectations``, ``policy_head`` and ``partner`` are lines that go before those of the shipped files; ``policy``
    and ``acknowledge`` take the place of theirs.
    """
    conf, partners = folder / "conf", folder / "trading_partners"
    for each in (conf, partners / "payers", folder / "inbox", folder / "outbox", folder / "drop"):
        each.mkdir(parents=True, exist_ok=True)
    shipped = (resources.folder("conf") / "gateway.toml").read_text()
    organisations = shipped[shipped.index("[[organisations]]") :]
    (conf / "gateway.toml").write_text(
        f'node = "stage"\ndata = "{folder}/var"\npartners = "../trading_partners"\n\n'
        f'[intake]\nfolder = "{folder}/drop"\n\n[work]\nbatch_max = {batch_max}\n\n{organisations}'
    )
    ours = resources.folder("trading_partners")
    shutil.copytree(ours / "payers", partners / "payers", dirs_exist_ok=True)
    written = (partners / "payers" / "simulated.toml").read_text()
    for line in policy.splitlines():
        written = re.sub(rf"(?m)^{line.split('=')[0].strip()} *=.*$", line, written)
    (partners / "payers" / "simulated.toml").write_text(policy_head + written)
    text = (ours / "simulated.toml").read_text()
    head, _, rest = text.partition("[transport]")
    tail = rest[rest.index("[[payers]]") :]
    (partners / f"{PARTNER}.toml").write_text(
        f'{partner}{head}[transport]\nkind = "directory"\ninbox = "{folder}/inbox"\noutbox = "{folder}/outbox"\n\n'
        f"[expectations]\n{expectations}\n\n[acknowledge]\n{acknowledge}\n\n{tail}"
    )
    return Settings.load(conf / "gateway.toml")


class Seconds:
    """A monotonic clock for the pickups: every look is ten seconds after the one before."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 10.0
        return self._now


@dataclass(slots=True, kw_only=True)
class Stage:
    """The house, its partner's folders, and the far side's voice."""

    house: House
    clock: Clock
    folder: Path
    numbers: int = 0
    _pickup: deliver.Pickup | None = field(default=None)

    @property
    def store(self) -> Store:
        return self.house.store

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def drop(self) -> Path:
        return self.folder / "drop"

    # Our side.

    def take(self, kinds: Sequence[str] | None = None) -> Job | None:
        """The next due job, leased; None where none is."""
        with self.store.transaction(self.house.everything()) as tx:
            taken = tx.jobs.take("stage", kinds=kinds or tuple(worker.JOBS), lease_s=60)
        return taken[0] if taken else None

    def work(self, *kinds: str) -> int:
        """Runs every job that is due, of these kinds, to its end; how many that were."""
        for number in range(ROUNDS_MAX):
            job = self.take(kinds or None)
            if job is None:
                return number
            worker.run(self.house, job)
        raise AssertionError(f"jobs are still due after {ROUNDS_MAX}")

    def submit(self, *records: Json, form: str = "json") -> Json:
        """Hands records in and takes them in; the result that the clinic gets. Nothing is written yet."""
        target = self.folder / "answer.result.json"
        data = json.dumps(list(records)).encode()
        with self.store.transaction(self.house.everything()) as tx:
            accept.take(self.house, name="records.json", data=data, form=form, answer_to=str(target), tx=tx)
        self.work("accept", "answer")
        result: Json = json.loads(target.read_text())
        return result

    def poll(self) -> int:
        """Two looks into the inbox, so that what lies still is picked up; how many files that were."""
        if self._pickup is None:
            sightings = Sightings(clock=Seconds())
            self._pickup = deliver.Pickup(self.house, self.house.partner(PARTNER), sightings=sightings)
        return self._pickup.poll() + self._pickup.poll()

    def arrive(self, *contents: bytes) -> list[str]:
        """Each content arrives as one document and is read at once; the documents' ids."""
        documents = []
        for content in contents:
            with self.store.transaction(self.house.everything()) as tx:
                payload = self.store.payloads.put([content])
                documents.append(deliver.arrived(tx, PARTNER, "far.edi", payload, len(content)))
            self.work("receive")
        return documents

    # What is known.

    def reading(self) -> Any:
        return self.house.reading()

    def request(self, number: int = 1) -> StoredAuthorization:
        with self.reading() as tx:
            found: StoredAuthorization | None = tx.authorizations.by_client_ref(
                "northside", "downtown", f"ACCT-31337-A{number}"
            )
        assert found is not None
        return found

    def claim(self, number: int = 1) -> StoredClaim:
        with self.reading() as tx:
            found: StoredClaim | None = tx.claims.by_client_ref("northside", "downtown", f"ACCT-31337-C{number}")
        assert found is not None
        return found

    def tasks(self, kind: str | None = None, *, open: bool | None = True) -> list[Task]:
        with self.reading() as tx:
            found: list[Task] = tx.tasks.list(open=open, kind=kind)
        return found

    def steps(self, subject: str) -> list[str]:
        """The names of a subject's events, in order."""
        with self.reading() as tx:
            return [each.what for each in tx.events.of(subject)]

    def details(self, subject: str, what: str) -> list[Mapping[str, Any]]:
        with self.reading() as tx:
            return [each.detail for each in tx.events.of(subject) if each.what == what]

    def units(self, number: int = 1) -> dict[str, int]:
        """What stands in each account of an authorization's buckets, memos left out."""
        subject = self.request(number).id
        with self.reading() as tx:
            return _units(tx, subject)

    def money(self) -> dict[str, int]:
        with self.reading() as tx:
            return {account: cents for account, cents in tx.books.money_balances().items() if cents}

    def balanced(self) -> bool:
        """Whether no invariant of a book is broken, and everything that came in leads to the same books again."""
        with self.reading() as tx:
            sound = not tx.books.check()
        return sound and replay(self.house).differing == ()

    def documents(self, **wanted: Any) -> list[Document]:
        with self.reading() as tx:
            found: list[Document] = tx.documents.list(**wanted)
        return found

    def written(self) -> list[bytes]:
        """The contents of the interchanges that were queued, in order."""
        return [self.store.payloads.read(each.payload) for each in self.documents(direction="out")]

    def jobs(self, kind: str | None = None, state: str | None = None) -> list[Job]:
        with self.reading() as tx:
            found: list[Job] = tx.jobs.list(state=state, kind=kind)
        return found

    # The far side.

    def envelope(self, *, usage: str = "T", receiver: str = "NORTHSIDE") -> InterchangeHeader:
        self.numbers += 1
        return InterchangeHeader(
            sender_qualifier="ZZ",
            sender="SIMCLEAR",
            receiver_qualifier="ZZ",
            receiver=receiver,
            created=datetime(2026, 3, 2, 16, 0),
            control_number=f"{self.numbers:09}",
            usage=usage,
        )

    def says(self, *records: Any, ta1: Iterable[Segment] = (), usage: str = "T", receiver: str = "NORTHSIDE") -> bytes:
        """One interchange of the far side: each record a group with one set, TA1 before them."""
        groups = []
        for number, record in enumerate(records, 1):
            name, set_type, functional_id, version = KINDS[type(record)]
            header = GroupHeader(
                functional_id=functional_id,
                sender="SIMCLEAR",
                receiver="NORTHSIDE",
                created=datetime(2026, 3, 2, 16, 0),
                control_number=str(number),
                version=version,
            )
            segments = tuple(maps.load(name).build(record))
            groups.append((header, [SetBody(type=set_type, control_number="0001", version=version, segments=segments)]))
        return wrap(self.envelope(usage=usage, receiver=receiver), groups, tuple(ta1))

    def numbers_of(self, subject: str) -> dict[str, list[str]]:
        """Every number of a subject by kind, in the order they were given."""
        found: dict[str, list[str]] = {}
        with self.reading() as tx:
            for each in tx.identifiers.of(subject):
                found.setdefault(each.kind, []).append(each.value)
        return found

    def acknowledged(self, subject: str, code: str = "A", *, group: str = "", **changed: Any) -> bytes:
        """A 999 about the set that a case went out in."""
        gs06, _, st02 = self.numbers_of(subject)["set"][-1].partition("/")
        functional_id, set_type = ("HI", "278") if subject.startswith("au_") else ("HC", "837")
        one = answer.SetAcknowledgment(type=set_type, control_number=st02, code=code, **changed)
        taken = int(code in "AE")
        return self.says(
            answer.GroupAcknowledgment(
                functional_id=functional_id,
                control_number=gs06,
                version="005010X217" if functional_id == "HI" else "005010X222A1",
                sets=(one,),
                code=group or code,
                included=1,
                received=1,
                accepted=taken,
            )
        )

    def ta1(self, subject: str, code: str = "A", note: str = "000") -> Segment:
        return segment("TA1", self.numbers_of(subject)["isa13"][-1], "260302", "1500", code, note)

    def received(self, number: int = 1, category: str = "A1", status: str = "19", action: str = "WQ") -> bytes:
        """A 277CA about one claim."""
        claim = self.claim(number)
        return self.says(claim_status(claim.claim.control_number, category, status, action))

    def decided(self, number: int = 1, **changed: Any) -> bytes:
        """A 278 response about one request; ``changed`` are fields of its event, or of the whole where it has them."""
        return self.says(decision_on(self.request(number), **changed))

    def paid(self, *payments: remittance.ClaimPayment, **changed: Any) -> bytes:
        return self.says(remitted(*payments, **changed))

    # Whole journeys.

    def certified(self, number: int = 1, **changed: Any) -> StoredAuthorization:
        """A request that was sent and certified in full."""
        self.submit(request_json(number, **changed))
        self.work()
        self.arrive(self.decided(number, review=decision.Review(code="A1", number=f"CERT{number:04}")))
        return self.request(number)

    def billed(self, number: int = 1, **changed: Any) -> StoredClaim:
        """A claim that was sent under a certified request."""
        self.certified(number)
        self.submit(claim_json(number, **changed))
        self.work()
        return self.claim(number)


KINDS: Mapping[type, tuple[str, str, str, str]] = {
    answer.GroupAcknowledgment: ("999", "999", "FA", "005010X231A1"),
    answer.ClaimAcknowledgment: ("277ca", "277", "HN", "005010X214"),
    decision.Decision: ("278_response", "278", "HI", "005010X217"),
    remittance.Remittance: ("835", "835", "HP", "005010X221A1"),
}


def on_stage(store: Store, clock: Clock, folder: Path, **configured: Any) -> Stage:
    """A stage with nothing on it; ``configured`` are those of ``settings_in``."""
    settings = settings_in(folder, **configured)
    house = House(settings=settings, store=store, clock=clock, rng=random.Random(278), actor="test")
    return Stage(house=house, clock=clock, folder=folder)


def decision_on(stored: StoredAuthorization, **changed: Any) -> decision.Decision:
    """A response that echoes our trace, about the same patient; no lines unless said so."""
    event = decision.EventDecision(
        traces=(decision.Trace(type="2", number=stored.request.trace, assigner="9SIMULATED"),),
        kind_code="I",
        service_type="PT",
    )
    whole = decision.Decision(
        reference=stored.request.trace,
        status="18",
        created_on=TODAY,
        created_at="1600",
        payer=parties.Payer(id="SIM01", name="SIMULATED HEALTH PLAN"),
        requester_id="1234567893",
        subscriber=parties.Subscriber(
            member_id=stored.request.subscriber.member_id,
            person=parties.Person(last="ZIMMERWALD", first="QUINTESSA", born=date(1981, 7, 19)),
        ),
    )
    names = decision.Decision.__dataclass_fields__
    own = {key: value for key, value in changed.items() if key in decision.EventDecision.__dataclass_fields__}
    above = {key: value for key, value in changed.items() if key in names and key not in own}
    assert not changed.keys() - own.keys() - above.keys()
    return replace(whole, **{"events": (replace(event, **own),), **above})


def claim_status(
    number: str, category: str, status: str, action: str, *, payer_number: str = "PCN1"
) -> answer.ClaimAcknowledgment:
    """A 277CA that accepts the batch and says one thing of one claim."""
    accepted = answer.Status(category="A1", code="19", entity="PR", action="WQ", effective_on=TODAY)
    said = answer.Status(category=category, code=status, action=action, effective_on=TODAY, charge=18000)
    one = answer.ClaimStatus(
        control_number=number,
        statuses=(said,),
        payer_claim_number=payer_number,
        patient_last="ZIMMERWALD",
        patient_first="QUINTESSA",
        member_id="MBR77001234",
        serviced_from=TODAY,
    )
    return answer.ClaimAcknowledgment(
        reference="CA1",
        created_on=TODAY,
        created_at="1600",
        source_name="SIMULATED HEALTH PLAN",
        source_id="SIM01",
        source_trace="T1",
        received_on=TODAY,
        processed_on=TODAY,
        receiver_name="NORTHSIDE",
        receiver_id="NORTHSIDE01",
        batch=f"B{number}",
        statuses=(replace(accepted, charge=18000),),
        providers=(
            answer.ProviderStatus(name="NORTHSIDE", npi="1234567893", trace="0", statuses=(accepted,), claims=(one,)),
        ),
    )


def payment(
    stored: StoredClaim,
    *,
    paid: Sequence[int] = (10000, 5000),
    reasons: Sequence[tuple[str, str]] = (("CO", "45"), ("CO", "45")),
    status: str = "1",
    **changed: Any,
) -> remittance.ClaimPayment:
    """A claim payment line by line; what a line lacks to its charge is adjusted for its reason. 22 negates all."""
    sign = -1 if status == remittance.REVERSAL else 1
    lines = []
    for line, cents, (group, reason) in zip(stored.claim.lines, paid, reasons, strict=True):
        rest = line.charge - cents
        adjustments = (remittance.Adjustment(group=group, reason=reason, amount=sign * rest),) if rest else ()
        lines.append(
            remittance.PaidLine(
                procedure=line.procedure,
                modifiers=line.modifiers,
                charge=sign * line.charge,
                paid=sign * cents,
                units_paid=str(line.units),
                served_on=line.served_on,
                control_number=line.control_number,
                adjustments=adjustments,
            )
        )
    made = remittance.ClaimPayment(
        control_number=stored.claim.control_number,
        status=status,
        charge=sign * stored.charge,
        paid=sign * sum(paid),
        filing="12",
        payer_claim_number="PCN1",
        patient_last="ZIMMERWALD",
        patient_first="QUINTESSA",
        member_id="MBR77001234",
        lines=tuple(lines),
    )
    return replace(made, **changed)


def remitted(
    *payments: remittance.ClaimPayment,
    check: str = "CHK0001",
    adjustments: Sequence[remittance.ProviderAdjustment] = (),
    amount: int | None = None,
    paid_on: date = TODAY,
) -> remittance.Remittance:
    """An 835 of these payments; ``amount`` is what they come to where it is not said."""
    total = sum(each.paid for each in payments) - sum(each.amount for each in adjustments)
    return remittance.Remittance(
        amount=total if amount is None else amount,
        check_number=check,
        payer_id="1SIMULATED",
        paid_on=paid_on,
        produced_on=paid_on,
        payer=parties.Payer(id="SIM01", name="SIMULATED HEALTH PLAN"),
        payer_contact_name="PAYER DESK",
        payer_contact_phone="5550100999",
        payer_address_line="1 PAYER PLAZA",
        payer_city="SPRINGFIELD",
        payer_state="IL",
        payer_postal_code="62701",
        payee_name="NORTHSIDE",
        payee_npi="1234567893",
        claims=payments,
        provider_adjustments=tuple(adjustments),
    )


def _units(tx: Transaction, subject: str) -> dict[str, int]:
    total: dict[str, int] = {}
    buckets = [each for each in tx.books.buckets(subject) if each.quantity_source != "memo"]
    for balance in tx.books.balances([each.id for each in buckets]).values():
        for account, quantity in balance.items():
            total[str(account)] = total.get(str(account), 0) + quantity
    return {account: quantity for account, quantity in total.items() if quantity and account != "grant"}

"""Random histories of a clinic and its payer, played through the gateway itself: files in, answers, payments, commands
and the clock, each drawn from one seed. What must hold afterwards is asked by ``sound``.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from flow_stage import Stage, claim_json, payment, remitted, request_json

from gateway.domain import decision, remittance
from gateway.flow.replay import replay
from gateway.store import StoredClaim

FIRST = date(2026, 3, 1)
DAYS = 60
REFUSED = ("visit", "correction")  # These are turned down where the books have no room for them.
EVIDENCE = {"channel": "portal", "seen_on": "2026-03-02", "by": "the front desk", "reference": "P1"}
Json = dict[str, Any]


@dataclass(slots=True)
class History:
    """One history in progress; ``events`` counts what came in from outside, ``told`` is what came, by kind."""

    stage: Stage
    chance: random.Random
    events: int = 0
    requests: int = 0
    claims: int = 0
    visits: int = 0
    checks: int = 0
    told: dict[str, int] = field(default_factory=dict)
    _came: list[bytes] = field(default_factory=list)
    _visits: list[Json] = field(default_factory=list)
    _paid: list[tuple[int, remittance.ClaimPayment]] = field(default_factory=list)

    def play(self, events: int) -> None:
        self.stage.clock.advance(20 * 86_400)
        self._request()
        steps: list[tuple[int, Callable[[], None]]] = [
            (4, self._request),
            (10, self._decision),
            (14, self._visit),
            (16, self._claim),
            (10, self._answer),
            (18, self._payments),
            (6, self._reversal),
            (6, self._again),
            (3, self._day),
            (5, self._correction),
        ]
        actions, weights = [each for _, each in steps], [weight for weight, _ in steps]
        while self.events < events:
            (action,) = self.chance.choices(actions, weights)
            before = self.events
            action()
            if self.events > before:
                name = action.__name__.strip("_")
                self.told[name] = self.told.get(name, 0) + self.events - before

    def sound(self) -> None:
        """Nothing below zero, what was granted is the sum of the rest, every posting has a cause, and everything that
        came in leads to the same books again."""
        with self.stage.reading() as tx:
            assert tx.books.check() == []
            for entry in tx.books.entries():
                assert entry.cause.document or entry.cause.actor, entry.id
            for money in tx.books.money_entries():
                assert money.cause.document or money.cause.actor, money.id
        assert replay(self.stage.house).differing == ()

    # The clinic.

    def _request(self) -> None:
        self.requests += 1
        visits = self.chance.choice((2, 6, 12))
        unit: Json = self.chance.choice(({"visits": visits}, {"visits": None, "units": 3 * visits}))
        self._submit(request_json(self.requests, patient=self._patient(self.requests), **unit))

    def _claim(self) -> None:
        self.claims += 1
        under = self.chance.randint(1, self.requests)
        record = claim_json(self.claims, served_on=self._past_day())
        record["authorization_ref"] = f"ACCT-31337-A{under}"
        record["patient"] = {**record["patient"], **self._patient(under)}
        self._submit(record)

    def _visit(self) -> None:
        if self._visits and self.chance.random() < 0.6:
            known = self.chance.choice(self._visits)
            self._submit({**known, "status": self.chance.choice(("took_place", "cancelled", "no_show"))})
            return
        self.visits += 1
        record: Json = {
            "type": "visit",
            "organisation": "northside",
            "clinic": "downtown",
            "client_ref": f"ACCT-31337-V{self.visits}",
            "authorization_ref": f"ACCT-31337-A{self.chance.randint(1, self.requests)}",
            "served_on": self._some_day(),
            "discipline": "GP",
            "status": self.chance.choice(("scheduled", "scheduled", "took_place")),
            "lines": [{"procedure": "97110", "units": 2}],
        }
        if self.chance.random() < 0.3:
            record["override"] = {"reason": "asked for by the physician"}
        self._visits.append(record)
        self._submit(record)

    def _correction(self) -> None:
        wanted = self.stage.request(self.chance.randint(1, self.requests))
        if not wanted.number:
            return
        self._submit(
            {
                "type": "correction",
                "organisation": "northside",
                "clinic": "downtown",
                "client_ref": f"ACCT-31337-X{self.events}",
                "authorization_ref": wanted.client_ref,
                "remaining": self.chance.randint(0, 9),
                "evidence": EVIDENCE,
            }
        )

    # The payer and the clearinghouse.

    def _decision(self) -> None:
        number = self.chance.randint(1, self.requests)
        if self.stage.request(number).state in ("accepted", "held"):
            return
        code = self.chance.choice(("A1", "A1", "A1", "A6", "A3", "A4", "CT", "C", "NA", "ZZ"))
        amount = str(self.chance.choice((2, 6, 9)))
        delivery = decision.Delivery(qualifier="VS", count=amount) if code == "A6" else None
        self._arrive(
            self.stage.decided(number, review=decision.Review(code=code, number=f"CERT{number:04}"), delivery=delivery)
        )

    def _answer(self) -> None:
        sent = self._sent()
        if sent is None:
            return
        number, claim = sent
        if self.chance.random() < 0.4:
            self._arrive(self.stage.acknowledged(claim.id, self.chance.choice("AAAR")))
        elif self.chance.random() < 0.7:
            self._arrive(self.stage.received(number))
        else:
            self._arrive(self.stage.received(number, "A7", "252", "U"))

    def _payments(self) -> None:
        found = [each for each in (self._sent() for _ in range(self.chance.randint(1, 3))) if each is not None]
        payments = {number: self._payment(claim) for number, claim in found}
        if not payments:
            return
        self._paid += payments.items()
        self._remit(*payments.values())

    def _payment(self, claim: StoredClaim) -> remittance.ClaimPayment:
        kind = self.chance.choice(("paid", "paid", "partly", "denied", "deductible", "unbalanced"))
        if kind == "denied":
            return payment(claim, paid=(0, 0), reasons=(("CO", "197"), ("CO", "197")))
        if kind == "partly":
            return payment(claim, paid=(10000, 0), reasons=(("CO", "45"), ("CO", "50")))
        if kind == "deductible":
            return payment(claim, paid=(0, 0), reasons=(("PR", "1"), ("PR", "1")))
        if kind == "unbalanced":
            return payment(claim, charge=claim.charge + 700)
        return payment(claim)

    def _reversal(self) -> None:
        if self._paid:
            number, before = self.chance.choice(self._paid)
            self._remit(*self._reversed(number, before))

    def _reversed(self, number: int, before: remittance.ClaimPayment) -> list[remittance.ClaimPayment]:
        claim = self.stage.claim(number)
        taken = payment(claim, status="22", paid=tuple(abs(each.paid) for each in before.lines))
        corrected = self._payment(claim)
        self._paid.append((number, corrected))
        return self.chance.choice(([taken], [taken, corrected], [corrected, taken]))

    def _remit(self, *payments: remittance.ClaimPayment) -> None:
        self.checks += 1
        day = FIRST + timedelta(days=self.chance.randint(0, DAYS))
        whole = remitted(*payments, check=f"CHK{self.checks:06}", paid_on=day)
        self._arrive(self.stage.says(whole))

    def _again(self) -> None:
        if self._came:
            self._arrive(self.chance.choice(self._came), fresh=False)

    # The clock.

    def _day(self) -> None:
        self.stage.clock.advance(86_400 * self.chance.choice((1, 7, 30)))
        with self.stage.store.transaction(self.stage.house.everything()) as tx:
            tx.jobs.enqueue("expire", payload={}, key=f"expire:history:{self.events}")
        self._work()

    # In and out.

    def _sent(self) -> tuple[int, StoredClaim] | None:
        """A claim that went out, or that was answered since."""
        if not self.claims:
            return None
        number = self.chance.randint(1, self.claims)
        claim = self.stage.claim(number)
        gone = self.stage.numbers_of(claim.id).get("set")
        return (number, claim) if gone and claim.state not in ("accepted", "waiting", "split") else None

    def _some_day(self) -> str:
        return (FIRST + timedelta(days=self.chance.randint(0, DAYS))).isoformat()

    def _past_day(self) -> str:
        return min(self._some_day(), self.stage.house.today.isoformat())

    def _patient(self, number: int) -> Json:
        """One patient for every three authorizations."""
        patient: Json = dict(request_json()["patient"])
        return {**patient, "member_id": f"MBR{number // 3:08}"}

    def _submit(self, record: Json) -> None:
        result = self.stage.submit(record)
        assert record["type"] in REFUSED or not result["rejected"], result["rejected"]
        self._work()

    def _arrive(self, content: bytes, *, fresh: bool = True) -> None:
        if fresh:
            self._came.append(content)
        self.stage.arrive(content)
        self._work()

    def _work(self) -> None:
        self.stage.work()
        self.stage.clock.advance(1)
        self.events += 1

"""What a billing rule looks at: a claim or a request with all that is known about it, the payer's policy and the day.

Pure: a case is handed in whole, and no rule looks anything up. What a rule would need and does not find makes it say
"not evaluated", which is never a pass.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from gateway.coding.reference import Reference
from gateway.domain.authorization import AuthorizationRequest, Unit
from gateway.domain.claim import Claim, ServiceLine
from gateway.domain.coverage import Coverage
from gateway.domain.disciplines import discipline
from gateway.domain.plan_of_care import PlanOfCare
from gateway.errors import Finding, Severity
from gateway.rules.policy import Policy

Day = date  # Case has a field of that name.

PAYER = 7  # WEDI SNIP type: what one partner asks for
TAKEN_FROM = ("rendered", "reserved", "available", "expired")  # By a claim for a date in the window (facts, 6.2).
MEMO = "memo"  # What the ledger calls a bucket of what was asked for.


class Certification(Protocol):
    """What a rule sees of a bucket of the ledger."""

    @property
    def id(self) -> str: ...
    @property
    def authorization(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def unit(self) -> Unit: ...
    @property
    def procedures(self) -> tuple[str, ...]: ...
    @property
    def modifiers(self) -> tuple[str, ...]: ...
    @property
    def starts_on(self) -> date | None: ...
    @property
    def ends_on(self) -> date | None: ...
    @property
    def limited(self) -> bool: ...
    @property
    def quantity_source(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Treated:
    """A visit of this patient that took place (``planned`` False) or is booked, from whichever claim or appointment.
    ``evaluation`` says that an evaluation was among what was done; visits without one may still have had one."""

    served_on: Day
    discipline: str
    planned: bool = False
    evaluation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What claims and requests have in common. ``date`` is the day on which it goes out.

    ``policy`` is the payer's on the day of service (the first of a claim's lines, the start of a request's window).
    ``coverage`` is the latest that was told of this patient and payer, ``plans`` their plans of care, the latest
    first; ``treated`` their visits so far and those planned. None in any of them: nothing is known, not even that
    there is none. ``reference`` are the published rows for the codes here.
    """

    policy: Policy
    date: Day
    coverage: Coverage | None = None
    plans: tuple[PlanOfCare, ...] | None = None
    treated: tuple[Treated, ...] | None = None
    reference: Reference = field(default_factory=Reference)

    def finding(
        self,
        rule: str,
        what: str,
        *,
        where: str,
        fix: str,
        prevents: str = "",
        source: str = "",
        default: Severity = Severity.BLOCK,
        evidence: Sequence[str] = (),
        because: Sequence[str] = (),
    ) -> Finding:
        """A finding that weighs what this payer's policy says, else ``default``.

        ``evidence`` are the paths that it rests on: ``$...`` in the record in hand, else in what the path begins with
        (``coverage``, ``plan_of_care``, ``authorization``, ``ledger``, ``history``, ``visits``, ``tables``).
        ``because`` names the policy's values that it follows from. ``prevents`` and ``source`` left out are the rule's.
        """
        return Finding(
            rule=rule,
            what=what,
            where=where,
            fix=fix,
            prevents=prevents,
            source=source,
            severity=self.policy.severity(rule, default),
            snip=PAYER,
            evidence=tuple(evidence) or (where,),
            policy=self.policy.named(*because),
        )

    def not_evaluated(
        self, rule: str, needs: str, *, where: str, fix: str, evidence: Sequence[str] = (), because: Sequence[str] = ()
    ) -> Finding:
        """What a rule says where data is missing; ``because`` are the policy's values that it would need, too."""
        return Finding(
            rule=rule,
            what=f"not evaluated: {needs}",
            where=where,
            fix=fix,
            severity=Severity.NOT_EVALUATED,
            snip=PAYER,
            evidence=tuple(evidence) or (where,),
            policy=self.policy.named(*because),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCase(Case):
    """A request before its 278 is cut. ``history`` are this patient's earlier requests to this payer with their
    states, None where it is not known which there are; ``buckets`` and ``balances`` are what they certified."""

    request: AuthorizationRequest
    history: tuple[tuple[AuthorizationRequest, str], ...] | None = None
    buckets: Sequence["Certification"] = ()
    balances: Mapping[str, Mapping[Any, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCase(Case):
    """``buckets`` are those of this patient, clinic and payer; ``balances`` are theirs by bucket id and account.

    ``counted`` are the visits (bucket id, date, discipline) that earlier claims have taken; ``history`` are this
    patient's earlier claims that are open or paid, ``payer_numbers`` the payer's own numbers of this patient's claims
    as 277CA and 835 told them. ``request``, ``state`` and ``decided_on`` are the controlling authorization's;
    ``others`` the buckets of this patient's other authorizations with this payer (``balances`` holds theirs, too), and
    ``extension_asked`` says that an extension of the controlling one is under way. None: it is not known.
    ``authorization`` is our id of the one that the claim names by the clinic's own number, "" where it names none.
    ``balances`` may leave out what is booked or rendered for other visits; ``standing`` are the buckets' as the books
    have them.
    """

    claim: Claim
    request: AuthorizationRequest | None
    buckets: Sequence[Certification]
    balances: Mapping[str, Mapping[Any, int]]
    authorization: str = ""
    counted: Collection[tuple[str, Day, str]] = ()
    history: tuple[Claim, ...] | None = None
    payer_numbers: Collection[str] | None = None
    state: str = ""
    decided_on: Day | None = None
    others: Sequence[Certification] | None = None
    extension_asked: bool | None = None
    standing: Mapping[str, Mapping[Any, int]] | None = None

    @property
    def certified(self) -> list[Certification]:
        """The buckets without those that only remember what was asked for."""
        return [each for each in self.buckets if each.quantity_source != MEMO]

    def lines(self) -> Iterator[tuple[str, ServiceLine]]:
        """Each line with its JSON path."""
        for index, line in enumerate(self.claim.lines):
            yield f"$.lines[{index}]", line

    def number(self, line: ServiceLine) -> str:
        """The certification number that a line goes out with."""
        return (line.authorization or self.claim.authorization).strip()

    def named(self, line: ServiceLine) -> list[Certification]:
        """The buckets that a line may be under: the payer's number decides, else the clinic's own, else any."""
        number = self.number(line)
        if number:
            return [each for each in self.certified if each.number.strip() == number]
        return [each for each in self.certified if self.authorization in ("", each.authorization)]

    def for_procedure(self, line: ServiceLine) -> list[Certification]:
        """Of the named buckets, those for the line's procedure and discipline. A line without one fits any."""
        word = discipline(line)
        return [
            each
            for each in self.named(line)
            if (not each.procedures or line.procedure in each.procedures)
            and (not word or not each.modifiers or word in each.modifiers)
        ]

    def open(self, line: ServiceLine) -> list[Certification]:
        """Of those, the ones whose window holds the date of service, what ends first before the others."""
        held = [each for each in self.for_procedure(line) if within(each, line.served_on)]
        return sorted(held, key=lambda e: (e.ends_on or Day.max, not e.procedures, e.starts_on or Day.min, e.id))

    def left(self, bucket: Certification) -> int | None:
        """What a claim may still take of a bucket; None where the ledger was not asked."""
        held = self.balances.get(bucket.id)
        return None if held is None else sum(held.get(account, 0) for account in TAKEN_FROM)


def within(bucket: Certification, day: Day) -> bool:
    """Whether a day lies in a bucket's window, as far as that is known; its ends belong to it."""
    return (bucket.starts_on or day) <= day <= (bucket.ends_on or day)


def paper(name: str) -> str:
    """A paper's name as two of them are compared: without case, hyphens and underscores."""
    return " ".join(name.replace("-", " ").replace("_", " ").casefold().split())

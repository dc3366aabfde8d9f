"""Records to store, full of values that must be found nowhere but sealed."""

from dataclasses import replace
from datetime import date

from gateway.domain.authorization import AuthorizationRequest, Kind, Quantity, RequestedService, Unit
from gateway.domain.claim import Claim, ServiceLine
from gateway.domain.coverage import Coverage, VisitLimit
from gateway.domain.instruction import Channel, Correction, Evidence, Instruction
from gateway.domain.parties import (
    Address,
    Dependent,
    OtherCoverage,
    Payer,
    Person,
    Provider,
    Relationship,
    Sex,
    Subscriber,
)
from gateway.domain.plan_of_care import PlanOfCare
from gateway.domain.visit import Status, Visit
from gateway.ledger.entry import Bucket

MOTHER = Person(
    last="Zimmerwald",
    first="Quintessa",
    born=date(1981, 7, 19),
    sex=Sex.FEMALE,
    address=Address(line="77 Hollyhock Row", city="Marrowbone", state="KY", postal_code="42759"),
)
CHILD = Person(last="Zimmerwald", first="Peregrine", born=date(2014, 11, 3))
OTHER = Person(last="Fotheringay", first="Ambrose", born=date(1979, 2, 28))
SECRETS = (
    "Zimmerwald", "Quintessa", "Peregrine", "Fotheringay", "Ambrose", "1981-07-19", "19810719", "2014-11-03",
    "Hollyhock", "Marrowbone", "MBR77001234", "OTH55009876", "ACCT-31337", "M25.561",
)  # fmt: skip
PAYER = Payer(id="66783JJT", name="Simulated Health")
CLINIC = Provider(name="Riverside Therapy", npi="1993999998", organisation=True)


def request(
    number: int = 1, *, organisation: str = "north", clinic: str = "a", **changed: object
) -> AuthorizationRequest:
    made = AuthorizationRequest(
        id=f"au_{organisation}{clinic}{number:016}",
        organisation=organisation,
        clinic=clinic,
        client_ref=f"ACCT-31337-{number}",
        kind=Kind.INITIAL,
        payer=PAYER,
        requester=CLINIC,
        subscriber=Subscriber(member_id="MBR77001234", person=MOTHER),
        dependent=Dependent(person=CHILD, relationship=Relationship.CHILD),
        quantity=Quantity(amount=12, unit=Unit.VISIT),
        lines=(RequestedService(sequence=1, procedure="97110", modifiers=("GP",)),),
        diagnoses=("M25.561",),
        other_coverages=(
            OtherCoverage(
                payer=PAYER, sequence="secondary", subscriber=Subscriber(member_id="OTH55009876", person=OTHER)
            ),
        ),
        note="asks for Peregrine",
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def claim(number: int = 1, *, organisation: str = "north", clinic: str = "a", **changed: object) -> Claim:
    line = ServiceLine(
        control_number=f"L{organisation}{clinic}{number}",
        procedure="97110",
        charge=4500,
        units=2,
        served_on=date(2026, 3, 2),
    )
    made = Claim(
        id=f"cl_{organisation}{clinic}{number:016}",
        organisation=organisation,
        clinic=clinic,
        client_ref=f"ACCT-31337-{number}",
        control_number=f"C{organisation}{clinic}{number}",
        charge=4500,
        payer=PAYER,
        billing=CLINIC,
        subscriber=Subscriber(member_id="MBR77001234", person=MOTHER),
        diagnoses=("M25.561",),
        lines=(line,),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def coverage(number: int = 1, *, organisation: str = "north", clinic: str = "a", **changed: object) -> Coverage:
    made = Coverage(
        id=f"co_{organisation}{clinic}{number:016}",
        organisation=organisation,
        clinic=clinic,
        client_ref=f"ACCT-31337-{number}",
        payer=PAYER,
        subscriber=Subscriber(member_id="MBR77001234", person=MOTHER),
        dependent=Dependent(person=CHILD, relationship=Relationship.CHILD),
        checked_on=date(2026, 3, 1),
        visit_limit=VisitLimit(amount=30, used=4, combined_with=("GP", "GO")),
        therapy_used=(("PT+SLP", 120_000),),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def plan_of_care(number: int = 1, *, organisation: str = "north", clinic: str = "a", **changed: object) -> PlanOfCare:
    made = PlanOfCare(
        id=f"pc_{organisation}{clinic}{number:016}",
        organisation=organisation,
        clinic=clinic,
        client_ref=f"ACCT-31337-{number}",
        payer=PAYER,
        subscriber=Subscriber(member_id="MBR77001234", person=MOTHER),
        discipline="GP",
        starts_on=date(2026, 2, 1),
        physician=Provider(name="Fotheringay", first="Ambrose"),
        progress_reports=(date(2026, 2, 20),),
        documents=("plan_of_care",),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def visit(number: int = 1, *, organisation: str = "north", clinic: str = "a", **changed: object) -> Visit:
    made = Visit(
        id=f"ap_{organisation}{clinic}{number:016}",
        organisation=organisation,
        clinic=clinic,
        client_ref=f"ACCT-31337-{number}",
        served_on=date(2026, 3, 2),
        discipline="GP",
        status=Status.SCHEDULED,
        payer=PAYER,
        subscriber=Subscriber(member_id="MBR77001234", person=MOTHER),
        note="Quintessa comes with Peregrine",
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def instruction(number: int = 1, *, organisation: str = "north", clinic: str = "a", **changed: object) -> Instruction:
    made = Instruction(
        id=f"is_{organisation}{clinic}{number:016}",
        organisation=organisation,
        clinic=clinic,
        client_ref=f"ACCT-31337-{number}",
        evidence=Evidence(channel=Channel.PHONE, seen_on=date(2026, 3, 2), by="Ambrose Fotheringay"),
        authorization_ref=f"ACCT-31337-{number}",
        correction=Correction(remaining=3),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def bucket(number: int = 1, *, organisation: str = "north", clinic: str = "a", authorization: str = "") -> Bucket:
    return Bucket(
        id=f"bu_{organisation}{clinic}{number}",
        authorization=authorization or f"au_{organisation}{clinic}{number:016}",
        organisation=organisation,
        clinic=clinic,
        number="CERT0001",
        unit=Unit.VISIT,
        procedures=("97110",),
        modifiers=("GP",),
        starts_on=date(2026, 1, 1),
        ends_on=date(2026, 6, 30),
    )

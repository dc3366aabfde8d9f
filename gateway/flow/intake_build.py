"""From a submitted record without mistakes to the domain's: what the clinic leaves out comes from its settings.

Ids and control numbers are ours: they say nothing of the clinic, of the patient or of the clinic's own numbers.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from gateway.domain import parties
from gateway.domain.authorization import (
    Accident,
    AccidentKind,
    Attachment,
    AuthorizationRequest,
    Kind,
    Level,
    Quantity,
    RequestedService,
    Unit,
)
from gateway.domain.claim import Claim, Frequency, Performed, Performer, ServiceLine
from gateway.domain.plain import to_plain
from gateway.flow import intake_records as submitted
from gateway.flow.policies import LAST_DAY, day_of, holder, policy_for
from gateway.settings import Clinic, Organisation, Settings

NewId = Callable[[str], str]

_FREQUENCIES = {"original": Frequency.ORIGINAL, "replacement": Frequency.REPLACEMENT, "void": Frequency.VOID}
_RELATIONSHIPS = {"self": "18", "spouse": "01", "child": "19", "other": "G8"}  # SBR02 of 2320
_OURS = {"id", "trace", "control_number", "requester", "billing"}  # Made here, or taken from the settings.


def content_digest(record: submitted.Part) -> str:
    """Names what the clinic submitted: the same content again has the same digest, however it is spelt."""
    plain = record.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def shown(record: object) -> dict[str, Any]:
    """What the clinic submitted, as plain values, without what we added: for the clinic's own eyes."""
    plain: dict[str, Any] = to_plain(record)
    content = {key: value for key, value in plain.items() if key not in _OURS}
    if "lines" in content:
        content["lines"] = [
            {key: value for key, value in line.items() if key not in _OURS} for line in content["lines"]
        ]
    return content


def opaque(prefix: str, id: str, length: int) -> str:
    """A number for the wire that stands for one of our ids: capitals and digits only, which every partner takes."""
    digest = base64.b32encode(hashlib.sha256(id.encode()).digest()).decode()
    return (prefix + digest)[:length]


def authorization(record: submitted.Authorization, settings: Settings, new_id: NewId) -> AuthorizationRequest:
    """The submitted record has passed every check, here and below, so its clinic and its payer are known."""
    id = new_id("au")
    organisation, clinic = owner(record, settings)
    subscriber, dependent = insured(record.patient, record.policy_holder)
    request = AuthorizationRequest(
        id=id,
        organisation=record.organisation,
        clinic=record.clinic,
        client_ref=record.client_ref,
        kind=Kind(record.kind),
        payer=payer(record.payer, settings, "278"),
        requester=requester(organisation, clinic),
        subscriber=subscriber,
        dependent=dependent,
        service_type=record.service_type or "",
        level=Level(record.level) if record.level else None,
        place_of_service=record.place_of_service,
        starts_on=record.starts_on,
        ends_on=record.ends_on,
        quantity=_quantity(record),
        lines=tuple(_requested(position, line) for position, line in enumerate(record.lines, start=1)),
        diagnoses=record.diagnoses,
        onset_on=record.onset_on,
        accident=_accident(record.accident),
        providers=tuple(
            parties.EventProvider(role=parties.Role(each.role), provider=provider(each)) for each in record.providers
        ),
        contact=_contact(record.contact) if record.contact else _clinic_contact(organisation, clinic),
        other_coverages=_coverages(record),
        attachments=_attachments(record),
        note=record.note,
        release_signed=record.release_signed,
        delay_reason=record.delay_reason or "",
        previous_number=record.previous_number or "",
        administrative_reference=record.administrative_reference or "",
        plan=record.plan,
        line_of_business=record.line_of_business or "",
        state=record.state or "",
        earlier_ref=record.earlier_ref or "",
        trace=opaque("A", id, 20),
    )
    return with_service_type(request, settings)


def with_service_type(request: AuthorizationRequest, settings: Settings) -> AuthorizationRequest:
    """UM03 as the payer's policy has it, where the clinic left it out; else PT (domain facts, 3)."""
    if request.service_type:
        return request
    policy = policy_for(settings, holder(settings, request), day_of(request, LAST_DAY))
    return replace(request, service_type=policy.um03 or "PT")


def claim(record: submitted.Claim, settings: Settings, new_id: NewId) -> Claim:
    """A claim with control numbers of ours, its charge the sum of its lines'."""
    id = new_id("cl")
    organisation, clinic = owner(record, settings)
    subscriber, dependent = insured(record.patient, record.policy_holder)
    control_number = opaque("C", id, 18)
    return Claim(
        id=id,
        organisation=record.organisation,
        clinic=record.clinic,
        client_ref=record.client_ref,
        control_number=control_number,
        charge=sum(line.charge for line in record.lines),
        payer=payer(record.payer, settings, "837"),
        billing=requester(organisation, clinic),
        subscriber=subscriber,
        diagnoses=record.diagnoses,
        lines=tuple(_billed(f"{control_number}L{n:02}", line) for n, line in enumerate(record.lines, start=1)),
        dependent=dependent,
        rendering=provider(record.rendering) if record.rendering else None,
        referring=provider(record.referring) if record.referring else None,
        facility=provider(record.facility) if record.facility else None,
        place_of_service=record.place_of_service,
        frequency=_FREQUENCIES[record.frequency],
        payer_claim_number=record.payer_claim_number or "",
        authorization=record.authorization or "",
        authorization_ref=record.authorization_ref or "",
        referral=record.referral or "",
        filing=record.filing,
        plan=record.plan,
        line_of_business=record.line_of_business or "",
        state=record.state or "",
        onset_on=record.onset_on,
        accident=_accident(record.accident),
        attachments=_attachments(record),
        patient_paid=record.patient_paid,
        assignment=record.assignment,
        benefits_assigned=record.benefits_assigned,
        release=record.release,
        signature_on_file=record.signature_on_file,
        other_coverages=_coverages(record),
    )


def payer(payer_id: str, settings: Settings, *transactions: Literal["278", "837"]) -> parties.Payer:
    """The payer as the partner calls it that serves it for one of these transactions, the first before the others."""
    partners = (settings.partner_for(payer_id, each) for each in transactions)
    found = next((partner.payer(payer_id) for partner in partners if partner), None)
    assert found is not None, "intake_checks has looked it up"
    return parties.Payer(id=found.id, name=found.name)


def owner(record: submitted.Owned, settings: Settings) -> tuple[Organisation, Clinic]:
    """The record's clinic, of its organisation."""
    organisation = settings.organisation(record.organisation)
    clinic = settings.clinic(record.organisation, record.clinic)
    assert organisation is not None, "intake_checks has looked it up"
    assert clinic is not None, "intake_checks has looked it up"
    return organisation, clinic


def _clinic_contact(organisation: Organisation, clinic: Clinic) -> parties.Contact:
    desk = organisation.contact
    return parties.Contact(name=desk.name, phone=clinic.phone or desk.phone, fax=desk.fax, email=desk.email)


def requester(organisation: Organisation, clinic: Clinic) -> parties.Provider:
    """The clinic as the one who asks, or bills."""
    place = clinic.address
    return parties.Provider(
        name=clinic.name,
        npi=clinic.npi,
        organisation=True,
        taxonomy=clinic.taxonomy,
        tax_id=clinic.tax_id,
        tax_id_kind=clinic.tax_id_kind,
        address=parties.Address(
            line=place.line, line2=place.line2, city=place.city, state=place.state, postal_code=place.postal_code
        ),
        contact=_clinic_contact(organisation, clinic),
    )


def insured(
    patient: submitted.Patient, holder: submitted.PolicyHolder | None
) -> tuple[parties.Subscriber, parties.Dependent | None]:
    """Whose policy it is, and the patient where that is somebody else."""
    if holder is None:
        assert patient.member_id, "intake_checks wants it where no policy holder is named"
        return _subscriber(patient, patient.member_id, patient.group_number), None
    assert patient.relationship, "intake_checks wants it where a policy holder is named"
    dependent = parties.Dependent(
        person=_person(patient),
        relationship=parties.Relationship(patient.relationship),
        member_id=patient.member_id or "",
    )
    return _subscriber(holder, holder.member_id, holder.group_number), dependent


def _subscriber(person: submitted.Person, member_id: str, group_number: str) -> parties.Subscriber:
    return parties.Subscriber(member_id=member_id, person=_person(person), group_number=group_number)


def _person(person: submitted.Person) -> parties.Person:
    return parties.Person(
        last=person.last_name,
        first=person.first_name,
        middle=person.middle_name,
        suffix=person.suffix,
        born=person.born,
        sex=parties.Sex(person.sex) if person.sex else None,
        address=_address(person.address),
    )


def _address(address: submitted.Address | None) -> parties.Address | None:
    return parties.Address(**address.model_dump()) if address else None


def _contact(contact: submitted.Contact) -> parties.Contact:
    return parties.Contact(name=contact.name, phone=contact.phone or "", fax=contact.fax or "", email=contact.email)


def provider(given: submitted.Provider) -> parties.Provider:
    """A person, or an organisation where it has a name of its own."""
    return parties.Provider(
        name=given.name or given.last_name,
        npi=given.npi or "",
        first=given.first_name,
        middle=given.middle_name,
        suffix=given.suffix,
        organisation=bool(given.name),
        taxonomy=given.taxonomy or "",
        address=_address(given.address),
        contact=parties.Contact(phone=given.phone) if given.phone else None,
    )


def _quantity(given: submitted.Quantities) -> Quantity | None:
    measures = (
        (given.visits, Unit.VISIT),
        (given.units, Unit.UNIT),
        (given.hours, Unit.MINUTE),
        (given.days, Unit.DAY),
    )
    return next((Quantity(amount=amount, unit=unit) for amount, unit in measures if amount is not None), None)


def _requested(sequence: int, line: submitted.RequestedLine) -> RequestedService:
    return RequestedService(
        sequence=sequence,
        procedure=line.procedure,
        modifiers=line.modifiers,
        quantity=_quantity(line),
        starts_on=line.starts_on,
        ends_on=line.ends_on,
    )


def _billed(control_number: str, line: submitted.BilledLine) -> ServiceLine:
    return ServiceLine(
        control_number=control_number,
        procedure=line.procedure,
        charge=line.charge,
        units=line.units,
        served_on=line.served_on,
        modifiers=line.modifiers,
        pointers=line.pointers,
        minutes=performed(line.minutes),
        authorization=line.authorization or "",
    )


def performed(given: submitted.Minutes | None) -> tuple[Performed, ...]:
    """The minutes of those who spent any."""
    minutes = given or submitted.Minutes()
    both = ((Performer.THERAPIST, minutes.therapist), (Performer.ASSISTANT, minutes.assistant))
    return tuple(Performed(performer=who, minutes=count) for who, count in both if count)


def _accident(accident: submitted.Accident | None) -> Accident | None:
    if accident is None:
        return None
    return Accident(kind=AccidentKind(accident.kind), happened_on=accident.happened_on, state=accident.state or "")


def _attachments(record: submitted.Record) -> tuple[Attachment, ...]:
    return tuple(Attachment(**each.model_dump()) for each in record.attachments)


def _coverages(record: submitted.Record) -> tuple[parties.OtherCoverage, ...]:
    return tuple(
        parties.OtherCoverage(
            payer=parties.Payer(id=each.payer_id, name=each.payer_name),
            sequence=each.sequence,
            subscriber=_subscriber(each.holder, each.holder.member_id, each.holder.group_number),
            relationship=_RELATIONSHIPS[each.relationship],
            filing=each.filing,
            benefits_assigned=each.benefits_assigned,
        )
        for each in record.other_coverages
    )

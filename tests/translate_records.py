"""Hypothesis strategies for the records of the six transactions; all people are made up.

They give what a message can carry and its guide allows: no address without its city, no sex without a birth date (DMG
wants both), no number of the receiver's codes that pyx12 would not know.
"""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from gateway.domain import answer, authorization, claim, decision, parties, remittance

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
dates = st.dates(date(1930, 1, 1), date(2029, 12, 31))
times = st.sampled_from(["0000", "0930", "2359"])
cents = st.integers(0, 10**9)
any_cents = st.integers(-(10**9), 10**9)


def words(longest: int = 12, *, least: int = 1) -> st.SearchStrategy[str]:
    """Text as it stands on the wire: nothing of X12's own marks, no blank at either end."""
    return st.text(LETTERS + LETTERS.lower() + "0123456789 '-.", min_size=least, max_size=longest).map(
        lambda text: text.strip().ljust(least, "X")
    )


def numbers(longest: int, *, least: int = 1) -> st.SearchStrategy[str]:
    return st.text(LETTERS + "0123456789", min_size=least, max_size=longest)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def or_blank(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | strategy


def some(strategy: st.SearchStrategy[Any], most: int, *, least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


def each_once(strategy: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most, unique=True).map(tuple)


def _sound(nine: str) -> str:
    """With its check digit: Luhn's over 80840 and the nine digits (CMS, NPI check digit)."""
    total = 24
    for at, digit in enumerate(map(int, nine)):
        total += sum(divmod(2 * digit, 10)) if at % 2 == 0 else digit
    return nine + str(-total % 10)


npis = st.builds(str.__add__, st.sampled_from("12"), digits(8)).map(_sound)
codes_2 = numbers(2, least=2)
modifiers = some(st.sampled_from(["GP", "GO", "CQ", "KX", "59", "XE"]), 4)
diagnoses = some(st.sampled_from(["M545", "M542", "S134XXA", "G8111", "R262", "Z4789"]), 12, least=1)
procedures = st.sampled_from(["97110", "97112", "97140", "97161", "97530", "G0283"])

addresses = st.builds(
    parties.Address,
    line=words(),
    city=words(least=2),
    line2=or_blank(words()),
    state=st.sampled_from(["IL", "PA", "CA"]),
    postal_code=digits(5),
    country=st.sampled_from(["", "CA"]),
)
contacts = st.builds(
    parties.Contact,
    name=words(),
    phone=digits(10),
    fax=or_blank(digits(10)),
    email=or_blank(st.just("desk@clinic.example")),
)
nameless_contacts = st.builds(parties.Contact, phone=or_blank(digits(10)), email=st.just("desk@clinic.example"))


@st.composite
def people(draw: st.DrawFn, *, whole: bool = False) -> parties.Person:
    """``whole``: with birth date, sex and address, as the 837P wants of a patient."""
    born = draw(dates if whole else maybe(dates))
    return parties.Person(
        last=draw(words()),
        first=draw(or_blank(words())),
        middle=draw(or_blank(words())),
        suffix=draw(or_blank(words(6))),
        born=born,
        sex=draw(st.sampled_from(parties.Sex)) if born else None,
        address=draw(addresses if whole else maybe(addresses)),
    )


def subscribers(*, whole: bool = False) -> st.SearchStrategy[parties.Subscriber]:
    return st.builds(
        parties.Subscriber,
        member_id=numbers(12, least=2),
        person=people(whole=whole),
        group_number=or_blank(numbers(8)),
    )


def dependents(*, whole: bool = False) -> st.SearchStrategy[parties.Dependent]:
    return st.builds(parties.Dependent, person=people(whole=whole), relationship=st.sampled_from(parties.Relationship))


@st.composite
def providers(draw: st.DrawFn, *, whole: bool = False, organisation: bool | None = None) -> parties.Provider:
    kind = draw(st.booleans()) if organisation is None else organisation
    tax_id = draw(digits(9) if whole else or_blank(digits(9)))
    return parties.Provider(
        name=draw(words()),
        npi=draw(npis if whole else or_blank(npis)),
        first="" if kind else draw(words()),
        middle="" if kind else draw(or_blank(words())),
        suffix="" if kind else draw(or_blank(words(6))),
        organisation=kind,
        taxonomy=draw(or_blank(numbers(10, least=10))),
        tax_id=tax_id,
        tax_id_kind=draw(st.sampled_from(["ein", "ssn"])) if tax_id else "ein",
        address=draw(addresses if whole else maybe(addresses)),
        contact=draw(maybe(contacts | nameless_contacts)),
    )


payers = st.builds(parties.Payer, id=numbers(10, least=2), name=words())

# --- 278 request ---


@st.composite
def windows(draw: st.DrawFn) -> dict[str, date | None]:
    starts_on = draw(maybe(dates))
    return {"starts_on": starts_on, "ends_on": draw(maybe(dates)) if starts_on else None}


@st.composite
def quantities(draw: st.DrawFn) -> authorization.Quantity:
    unit = draw(st.sampled_from(authorization.Unit))
    amount = draw(st.integers(0, 9999))
    return authorization.Quantity(amount=amount * 3 if unit is authorization.Unit.MINUTE else amount, unit=unit)


@st.composite
def requested_services(draw: st.DrawFn, sequence: int) -> authorization.RequestedService:
    return authorization.RequestedService(
        sequence=sequence,
        procedure=draw(procedures),
        modifiers=draw(modifiers),
        quantity=draw(maybe(quantities())),
        trace=draw(numbers(30)),
        **draw(windows()),
    )


accidents = st.builds(
    authorization.Accident,
    kind=st.sampled_from(authorization.AccidentKind),
    happened_on=dates,
    state=st.sampled_from(["IL", "CA"]),
) | st.builds(
    authorization.Accident,
    kind=st.sampled_from([authorization.AccidentKind.EMPLOYMENT, authorization.AccidentKind.OTHER]),
    happened_on=dates,
)


def attachments(*, described: bool) -> st.SearchStrategy[authorization.Attachment]:
    """What is sent apart has a number; what is there on demand (AA) needs none."""
    parts = {
        "report_type": st.sampled_from(["08", "09", "PN", "PZ"]),
        "description": or_blank(words(80)) if described else st.just(""),
    }
    sent = st.builds(
        authorization.Attachment,
        transmission=st.sampled_from(["BM", "EL", "FX"]),
        control_number=numbers(20, least=2),
        **parts,
    )
    return sent | st.builds(authorization.Attachment, transmission=st.just("AA"), **parts)


event_providers = st.builds(parties.EventProvider, role=st.sampled_from(parties.Role), provider=providers())


@st.composite
def requests(draw: st.DrawFn) -> authorization.AuthorizationRequest:
    window = draw(windows())
    return authorization.AuthorizationRequest(
        id=draw(numbers(8)),
        organisation="org",
        clinic="clinic",
        client_ref=draw(numbers(8)),
        kind=draw(st.sampled_from(authorization.Kind)),
        payer=draw(payers),
        requester=draw(providers(whole=True)),
        subscriber=draw(subscribers()),
        dependent=draw(maybe(dependents())),
        category=draw(st.sampled_from(["HS", "SC"])),
        service_type=draw(st.sampled_from(["PT", "AE", ""])),
        level=draw(maybe(st.sampled_from(authorization.Level))),
        place_of_service=draw(st.sampled_from(["11", "12", "22"])),
        quantity=draw(maybe(quantities())),
        lines=tuple(draw(requested_services(at)) for at in range(1, draw(st.integers(0, 4)) + 1)),
        diagnoses=draw(st.just(()) | diagnoses),
        onset_on=draw(maybe(dates)),
        accident=draw(maybe(accidents)),
        providers=draw(some(event_providers, 4)),
        contact=draw(maybe(contacts)),
        other_coverages=draw(some(other_coverages(), 1)),
        attachments=draw(some(attachments(described=True), 3)),
        note=draw(or_blank(words(264))),
        release_signed=draw(st.booleans()),
        delay_reason=draw(st.sampled_from(["", "3", "11", "16"])),
        previous_number=draw(or_blank(numbers(20))),
        administrative_reference=draw(or_blank(numbers(20))),
        trace=draw(numbers(30)),
        starts_on=window["starts_on"],
        ends_on=window["ends_on"],
    )


def request_messages() -> st.SearchStrategy[authorization.RequestMessage]:
    return st.builds(
        authorization.RequestMessage,
        reference=numbers(30),
        created_on=dates,
        created_at=times,
        assigner=digits(10),
        request=requests(),
    )


# --- 278 response ---

traces = st.builds(decision.Trace, type=st.sampled_from(["1", "2"]), number=numbers(30), assigner=digits(10))
event_reviews = st.builds(
    decision.Review,
    code=st.sampled_from(["A1", "A2", "A3", "A4", "A6", "C", "CT", "NA"]),
    number=or_blank(numbers(20)),
    reasons=some(st.sampled_from(["04", "0L", "0F", "0U"]), 5),
)
line_reviews = st.builds(
    decision.Review,
    code=st.sampled_from(["A1", "A3", "A4", "A6", "C", "CT", "NA"]),
    number=or_blank(numbers(20)),
    reasons=some(st.sampled_from(["04", "0L", "0F", "0U"]), 5),
)


def rejections(level: str, reasons: list[str], follow_ups: str) -> st.SearchStrategy[tuple[Any, ...]]:
    one = st.builds(
        decision.Rejection,
        reason=st.sampled_from(reasons),
        follow_up=st.sampled_from(list(follow_ups)),
        level=st.just(level),
    )
    return some(one, 2)


@st.composite
def deliveries(draw: st.DrawFn) -> decision.Delivery:
    period = draw(st.sampled_from(["", "7", "34", "35"]))
    return decision.Delivery(
        qualifier=draw(st.sampled_from(["VS", "FL", "HS", "DY", "MN"])),
        count=draw(st.sampled_from(["1", "12", "2.5"])),
        per=draw(st.sampled_from(["", "DA", "WK", "MO"])),
        modulus=draw(st.sampled_from(["", "3"])),
        period=period,
        periods=draw(st.sampled_from(["1", "21"])) if period else "",
    )


def spans(qualifiers: dict[str, bool]) -> st.SearchStrategy[tuple[decision.Span, ...]]:
    """``qualifiers`` says whether a date may be a range."""

    @st.composite
    def one(draw: st.DrawFn, qualifier: str) -> decision.Span:
        ends_on = draw(maybe(dates)) if qualifiers[qualifier] else None
        return decision.Span(qualifier=qualifier, starts_on=draw(dates), ends_on=ends_on)

    chosen = st.lists(st.sampled_from(sorted(qualifiers)), unique=True, max_size=3)
    return chosen.flatmap(lambda names: st.tuples(*(one(name) for name in names)))


def _coded(codes: tuple[str, ...]) -> tuple[decision.Coded, ...]:
    qualifiers = ["ABK", *["ABF"] * len(codes)]
    return tuple(decision.Coded(qualifier=each, code=code) for each, code in zip(qualifiers, codes, strict=False))


asked_attachments = st.builds(
    authorization.Attachment,
    report_type=st.sampled_from(["08", "09", "PN"]),
    transmission=st.sampled_from(["FX", "EL"]),
    control_number=or_blank(numbers(20)),
    description=or_blank(words(80)),
)
loincs = st.builds(decision.Coded, qualifier=st.just("LOI"), code=st.sampled_from(["11515-4", "19002-5"]))


@st.composite
def service_decisions(draw: st.DrawFn) -> decision.ServiceDecision:
    procedure = draw(or_blank(procedures))
    units = draw(st.sampled_from(["", "4", "1.5"])) if procedure else ""
    return decision.ServiceDecision(
        traces=draw(some(traces, 3)),
        review=draw(maybe(line_reviews)),
        rejections=draw(rejections("2000F", ["15", "33", "52", "AG", "T5"], "CN")),
        administrative_reference=draw(or_blank(numbers(20))),
        previous_number=draw(or_blank(numbers(20))),
        procedure=procedure,
        modifiers=draw(modifiers) if procedure else (),
        units=units,
        units_measure=draw(st.sampled_from(["UN", "MJ"])) if units else "",
        delivery=draw(maybe(deliveries())),
        spans=draw(spans({"472": True, "007": True, "036": False, "102": False})),
        codes=draw(some(loincs, 3)),
        attachments=draw(some(asked_attachments, 2)),
        message=draw(or_blank(words(264))),
    )


@st.composite
def event_decisions(draw: st.DrawFn) -> decision.EventDecision:
    return decision.EventDecision(
        traces=draw(some(traces, 3)),
        review=draw(maybe(event_reviews)),
        rejections=draw(rejections("2000E", ["15", "33", "57", "AF"], "CN")),
        kind_code=draw(st.sampled_from(["I", "4", "S", "3"])),
        category=draw(st.sampled_from(["HS", "SC", "AR"])),
        service_type=draw(st.sampled_from(["", "PT", "AE"])),
        place_of_service=draw(st.sampled_from(["", "11", "22"])),
        administrative_reference=draw(or_blank(numbers(20))),
        previous_number=draw(or_blank(numbers(20))),
        codes=draw(st.just(()) | diagnoses.map(_coded)),
        attachments=draw(some(asked_attachments, 2)),
        contact=draw(maybe(contacts)),
        delivery=draw(maybe(deliveries())),
        spans=draw(spans({"AAH": True, "007": True, "036": False, "102": False, "431": False, "435": True})),
        message=draw(or_blank(words(264))),
        lines=draw(some(service_decisions(), 3)),
    )


@st.composite
def decisions(draw: st.DrawFn) -> decision.Decision:
    depth = draw(st.integers(0, 3))  # how far the answer goes down: payer, requester, subscriber, event
    dependent = draw(maybe(dependents())) if depth > 1 else None
    refused = [("2000A", ["04", "42", "79"], "CNPY"), ("2010A", ["42", "80", "T4"], "NPY")]
    refused += [("2010B", ["15", "51", "97"], "CNR")] if depth else []
    refused += [("2010C", ["58", "67", "75", "95"], "CN")] if depth > 1 else []
    refused += [("2010D", ["15", "58", "67", "95"], "CN")] if dependent else []
    return decision.Decision(
        reference=draw(numbers(30)),
        status=draw(st.sampled_from(["18", "19", "AT"])),
        created_on=draw(dates),
        created_at=draw(times),
        payer=draw(payers),
        requester_id=draw(digits(10)) if depth else "",
        subscriber=draw(subscribers()) if depth > 1 else None,
        dependent=dependent,
        rejections=sum((draw(rejections(*each)) for each in refused), ()),
        events=draw(some(event_decisions(), 2)) if depth > 2 else (),
    )


# --- 837P ---


@st.composite
def other_coverages(draw: st.DrawFn) -> parties.OtherCoverage:
    return parties.OtherCoverage(
        payer=draw(payers),
        sequence=draw(st.sampled_from(["primary", "secondary", "tertiary"])),
        subscriber=draw(subscribers()),
        relationship=draw(st.sampled_from(["18", "01", "G8"])),
        filing=draw(st.sampled_from(["CI", "MB", "BL"])),
        benefits_assigned=draw(st.booleans()),
    )


@st.composite
def service_lines(draw: st.DrawFn, diagnosis_count: int) -> claim.ServiceLine:
    return claim.ServiceLine(
        control_number=draw(numbers(30)),
        procedure=draw(procedures),
        charge=draw(st.integers(0, 10**7)),
        units=draw(st.integers(1, 99)),
        served_on=draw(dates),
        modifiers=draw(modifiers),
        pointers=draw(some(st.integers(1, diagnosis_count), 4, least=1)),
        minutes=draw(some(st.just(claim.Performed(performer=claim.Performer.THERAPIST, minutes=15)), 1)),
        authorization=draw(or_blank(numbers(20))),
    )


@st.composite
def claims(draw: st.DrawFn, billing: parties.Provider, subscriber: parties.Subscriber) -> claim.Claim:
    found = draw(diagnoses)
    lines = draw(some(service_lines(len(found)), 4, least=1))
    frequency = draw(st.sampled_from(claim.Frequency))
    return claim.Claim(
        id=draw(numbers(8)),
        organisation="org",
        clinic="clinic",
        client_ref=draw(numbers(8)),
        control_number=draw(numbers(20)),
        charge=sum(line.charge for line in lines),
        payer=draw(st.sampled_from([parties.Payer(id="P1", name="FIRST"), parties.Payer(id="P2", name="SECOND")])),
        billing=billing,
        subscriber=subscriber,
        diagnoses=found,
        lines=lines,
        dependent=draw(maybe(dependents(whole=True))),
        rendering=draw(maybe(providers())),
        referring=draw(maybe(providers(organisation=False))),
        facility=draw(maybe(providers(whole=True, organisation=True))),
        place_of_service=draw(st.sampled_from(["11", "12", "22"])),
        frequency=frequency,
        payer_claim_number="" if frequency is claim.Frequency.ORIGINAL else draw(numbers(20)),
        authorization=draw(or_blank(numbers(20))),
        authorization_ref=draw(or_blank(numbers(20))),
        referral=draw(or_blank(numbers(20))),
        filing=draw(st.sampled_from(["CI", "MB"])),
        sequence=draw(st.sampled_from(["primary", "secondary"])),
        onset_on=draw(maybe(dates)),
        accident=draw(maybe(accidents)),
        attachments=draw(some(attachments(described=False), 2)),
        patient_paid=draw(st.just(0) | cents),
        assignment=draw(st.sampled_from("ABC")),
        benefits_assigned=draw(st.booleans()),
        release=draw(st.sampled_from("IY")),
        signature_on_file=draw(st.booleans()),
        other_coverages=draw(some(other_coverages(), 2)),
    )


@st.composite
def claim_batches(draw: st.DrawFn) -> claim.ClaimBatch:
    """Few providers and subscribers, so that claims share their levels; and repeats, so that they part again."""
    clinics = draw(st.lists(providers(whole=True), min_size=1, max_size=2))
    insured = draw(st.lists(subscribers(whole=True), min_size=1, max_size=2))
    pairs = draw(st.lists(st.tuples(st.sampled_from(clinics), st.sampled_from(insured)), min_size=1, max_size=4))
    return claim.ClaimBatch(
        reference=draw(numbers(30)),
        created_on=draw(dates),
        created_at=draw(times),
        submitter=claim.Submitter(
            name=draw(words()),
            id=draw(numbers(12, least=2)),
            contact_name=draw(or_blank(words())),
            contact_phone=draw(digits(10)),
            contact_email=draw(or_blank(st.just("desk@biller.example"))),
        ),
        receiver_name=draw(words()),
        receiver_id=draw(numbers(12, least=2)),
        claims=tuple(draw(claims(billing, subscriber)) for billing, subscriber in pairs),
    )


# --- 835 ---

adjustments = some(
    st.builds(
        remittance.Adjustment,
        group=st.sampled_from(["CO", "PR", "OA", "PI"]),
        reason=st.sampled_from(["45", "197", "1", "2", "A1"]),
        amount=any_cents,
        quantity=st.sampled_from(["", "1", "-2"]),
    ),
    9,
)
remarks = ["N362", "M15", "MA01", "N115", "N19", "N20"]


@st.composite
def paid_lines(draw: st.DrawFn) -> remittance.PaidLine:
    served_on = draw(maybe(dates))
    original = draw(or_blank(procedures))
    return remittance.PaidLine(
        procedure=draw(procedures),
        charge=draw(any_cents),
        paid=draw(any_cents),
        modifiers=draw(modifiers),
        units_paid=draw(st.sampled_from(["", "0", "2"])),
        original_procedure=original,
        original_modifiers=draw(modifiers) if original else (),
        original_units=draw(st.sampled_from(["", "4"])) if original else "",
        served_on=served_on,
        served_to=draw(maybe(dates)) if served_on else None,
        control_number=draw(or_blank(numbers(30))),
        authorization=draw(or_blank(numbers(30))),
        allowed=draw(maybe(cents)),
        adjustments=draw(adjustments),
        remarks=draw(some(st.sampled_from(remarks), 4)),
    )


@st.composite
def claim_payments(draw: st.DrawFn) -> remittance.ClaimPayment:
    member_id = draw(or_blank(numbers(12, least=2)))
    return remittance.ClaimPayment(
        control_number=draw(numbers(20)),
        status=draw(st.sampled_from(["1", "2", "4", "22"])),
        charge=draw(any_cents),
        paid=draw(any_cents),
        patient_responsibility=draw(maybe(cents)),
        filing=draw(st.sampled_from(["12", "MB", "HM"])),
        payer_claim_number=draw(numbers(20)),
        place_of_service=draw(st.sampled_from(["", "11"])),
        frequency=draw(st.sampled_from(["", "1", "7"])),
        patient_last=draw(words()),
        patient_first=draw(or_blank(words())),
        member_id=member_id,
        authorization=draw(or_blank(numbers(20))),
        received_on=draw(maybe(dates)),
        adjustments=draw(adjustments),
        remarks=draw(some(st.sampled_from(remarks), 5)),
        lines=draw(some(paid_lines(), 3)),
    )


@st.composite
def remittances(draw: st.DrawFn) -> remittance.Remittance:
    return remittance.Remittance(
        amount=draw(cents),
        check_number=draw(numbers(30)),
        payer_id=draw(digits(10)),
        paid_on=draw(dates),
        direction=draw(st.sampled_from("CD")),
        method=draw(st.sampled_from(["CHK", "ACH", "NON"])),
        produced_on=draw(maybe(dates)),
        payer=draw(st.builds(parties.Payer, id=or_blank(numbers(10)), name=words())),
        payer_contact_name=draw(or_blank(words())),
        payer_contact_phone=draw(digits(10)),
        payer_address_line=draw(words()),
        payer_city=draw(words(least=2)),
        payer_state="IL",
        payer_postal_code=draw(digits(5)),
        payee_name=draw(words()),
        payee_npi=draw(npis),
        claims=draw(some(claim_payments(), 3)),
        provider_adjustments=draw(
            some(
                st.builds(
                    remittance.ProviderAdjustment,
                    provider=st.sampled_from(["1234567893", "1987654328"]),
                    period_ends_on=st.just(date(2026, 12, 31)) | dates,
                    reason=st.sampled_from(["WO", "FB", "72", "L6"]),
                    amount=any_cents,
                    reference=or_blank(numbers(20)),
                ),
                9,
            )
        ),
    )


# --- 999 ---

element_errors = st.builds(
    answer.ElementError,
    element=st.integers(1, 20),
    code=st.sampled_from(["1", "5", "7", "12", "I9"]),
    component=st.integers(0, 5),
    repetition=st.integers(0, 3),
    reference=or_blank(digits(3)),
    value=or_blank(words()),
)


@st.composite
def segment_errors(draw: st.DrawFn) -> answer.SegmentError:
    context = draw(st.sampled_from(["", "CLM01", "TRN02", "PATIENT NAME NM109"]))
    return answer.SegmentError(
        tag=draw(st.sampled_from(["CLM", "NM1", "SV1"])),
        number=draw(st.integers(1, 9999)),
        loop=draw(st.sampled_from(["", "2300", "2010"])),
        code=draw(st.sampled_from(["1", "3", "8", "I4"])),
        context=context,
        context_value=draw(numbers(20)) if context else "",
        elements=draw(some(element_errors, 3)),
    )


@st.composite
def group_acknowledgments(draw: st.DrawFn) -> answer.GroupAcknowledgment:
    sets = some(
        st.builds(
            answer.SetAcknowledgment,
            type=st.sampled_from(["837", "278"]),
            control_number=digits(9),
            version=st.sampled_from(["", "005010X222A1", "005010X217"]),
            code=st.sampled_from("AERMWX"),
            errors=some(st.sampled_from(["1", "5", "I5", "I6"]), 5),
            segments=some(segment_errors(), 2),
        ),
        3,
    )
    return answer.GroupAcknowledgment(
        functional_id=draw(st.sampled_from(["HC", "HI"])),
        control_number=draw(digits(9)),
        version=draw(st.sampled_from(["005010X222A1", "005010X217"])),
        sets=draw(sets),
        code=draw(st.sampled_from("AEMPRWX")),
        included=draw(st.integers(0, 999)),
        received=draw(st.integers(0, 999)),
        accepted=draw(st.integers(0, 999)),
        errors=draw(some(st.sampled_from(["1", "5", "13"]), 5)),
    )


# --- 277CA ---


def statuses(
    *, line: bool = False, dated: bool = True, claim: bool = False
) -> st.SearchStrategy[tuple[answer.Status, ...]]:
    """``line``: at a service line, where the guide has no STC04 and one STC; ``claim``: STC12 is for claims alone."""
    codes = st.builds(
        answer.StatusCode,
        category=st.sampled_from(["A1", "A7", "A8"]),
        code=st.sampled_from(["20", "562", "48"]),
        entity=st.sampled_from(["", "40"]),
    )
    one = st.builds(
        answer.Status,
        category=st.sampled_from(["A1", "A2", "A3", "A7"]),
        code=st.sampled_from(["20", "562", "252"]),
        entity=st.sampled_from(["", "40"]),
        action=st.just("U") if line else st.sampled_from(["WQ", "U"]),
        effective_on=dates if dated else st.none(),
        charge=st.none() if line else cents,
        more=some(codes, 2),
        message=or_blank(words(80)) if claim else st.just(""),
    )
    return some(one, 1 if line else 2, least=1)


@st.composite
def line_statuses(draw: st.DrawFn) -> answer.LineStatus:
    return answer.LineStatus(
        control_number=draw(numbers(20)),
        procedure=draw(procedures),
        modifiers=draw(modifiers),
        charge=draw(cents),
        units=draw(st.sampled_from(["", "2"])),
        served_on=draw(dates),
        statuses=draw(statuses(line=True)),
    )


@st.composite
def claim_statuses(draw: st.DrawFn) -> answer.ClaimStatus:
    return answer.ClaimStatus(
        control_number=draw(numbers(20)),
        statuses=draw(statuses(claim=True)),
        payer_claim_number=draw(or_blank(numbers(20))),
        clearinghouse_number=draw(or_blank(numbers(20))),
        patient_last=draw(st.sampled_from(["MUSTER", "BEISPIEL"])),
        patient_first=draw(st.sampled_from(["MIA", "MAX"])),
        member_id=draw(st.sampled_from(["W100", "W200"])),
        serviced_from=draw(dates),
        serviced_to=draw(maybe(dates)),
        lines=draw(some(line_statuses(), 2)),
    )


@st.composite
def tallies(draw: st.DrawFn) -> dict[str, int | None]:
    return {
        "accepted": draw(maybe(st.integers(0, 999))),
        "rejected": draw(maybe(st.integers(0, 999))),
        "accepted_charge": draw(maybe(cents)),
        "rejected_charge": draw(maybe(cents)),
    }


@st.composite
def provider_statuses(draw: st.DrawFn) -> answer.ProviderStatus:
    return answer.ProviderStatus(
        name=draw(words()),
        npi=draw(digits(10)),
        trace=draw(numbers(20)),
        statuses=draw(statuses(dated=False)),
        claims=draw(some(claim_statuses(), 4, least=1)),
        **draw(tallies()),
    )


@st.composite
def claim_acknowledgments(draw: st.DrawFn) -> answer.ClaimAcknowledgment:
    return answer.ClaimAcknowledgment(
        reference=draw(numbers(20)),
        created_on=draw(dates),
        created_at=draw(times),
        source_name=draw(words()),
        source_id=draw(numbers(10, least=2)),
        source_trace=draw(numbers(20)),
        received_on=draw(dates),
        processed_on=draw(dates),
        receiver_name=draw(words()),
        receiver_id=draw(numbers(10, least=2)),
        batch=draw(numbers(20)),
        statuses=draw(statuses()),
        providers=draw(some(provider_statuses(), 2)),
        **draw(tallies()),
    )

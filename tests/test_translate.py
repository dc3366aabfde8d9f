"""The maps of edi_maps/: the law of both directions, golden pairs, files from outside, and what a bad map is told."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from translate_wire import TRANSACTIONS

from gateway.domain.answer import GroupAcknowledgment, Verdict
from gateway.domain.authorization import Kind, Quantity, Unit
from gateway.domain.decision import Action
from gateway.domain.parties import Provider, Role
from gateway.domain.plain import from_plain, to_plain
from gateway.domain.remittance import Adjustment, Remittance
from gateway.errors import GatewayError, Position, SettingsInvalid
from gateway.translate import forms, maps
from gateway.x12 import guide, registry
from gateway.x12.envelope import unwrap
from gateway.x12.headers import TransactionSet
from gateway.x12.tree import Loop, Segment
from gateway.x12.validate import Examined, examine

GOLDEN = Path(__file__).parent / "fixtures" / "golden"
OUTSIDE = (
    Path(__file__).parent / "fixtures" / "outside_records.json"
)  # by file of the corpus: records, and their digest
CORPUS = Path(os.environ.get("GATEWAY_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


# --- Golden pairs, written by hand from the guides ---


def sets_of(path: Path) -> Iterator[TransactionSet]:
    for part in unwrap([path.read_bytes()]):
        if isinstance(part, TransactionSet):
            yield part


def running(found: TransactionSet) -> maps.Map:
    """The map for a set, told from ST01, GS08 and BHT02."""
    purpose = next((each.at(2) for each in found.segments if each.tag == "BHT"), "")
    file = registry.registered(found.type, found.version, purpose)
    return next(each for each in map(maps.load, TRANSACTIONS) if each.guide == file)


def read(found: TransactionSet) -> Any:
    one = running(found)
    return one.read(guide.load(one.guide).walk(found.segments, found.place).root, found.place)


def texts(segments: list[Segment] | tuple[Segment, ...]) -> list[str]:
    return [
        "*".join([each.tag, *("^".join(":".join(parts) for parts in element) for element in each.elements)])
        for each in segments
    ]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.edi")), ids=lambda path: path.stem)
def test_golden_pairs_are_each_other(path: Path) -> None:
    (found,) = sets_of(path)
    one = running(found)
    record: Any = from_plain(one.record, json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
    walked = guide.load(one.guide).walk(found.segments, found.place)
    assert [str(finding) for finding in (*found.findings, *walked.findings)] == []
    assert to_plain(one.read(walked.root)) == to_plain(record)
    assert texts(one.build(record)) == texts(found.segments[1:-1])


# --- Files from outside ---


def outside(name: str) -> Any:
    path = CORPUS / name
    if not path.exists():
        pytest.skip(f"the corpus is not here: {CORPUS}")
    (found,) = sets_of(path)
    return read(found)


def test_reads_an_official_referral_response() -> None:
    decision = outside("stupidedi/referral-response-to-request-for-review.edi")
    (event,) = decision.events
    assert (decision.reference, decision.status, decision.requester_id) == ("A12345", "18", "8189991234")
    assert (event.category, event.kind_code, event.service_type, event.place_of_service) == ("SC", "I", "3", "11")
    assert (event.review.action, event.review.number) == (Action.CERTIFIED, "AUTH0001")
    assert [(each.type, each.number, each.assigner) for each in event.traces] == [("2", "111099", "9012345678")]
    (span,) = event.spans
    assert (span.qualifier, span.starts_on, span.ends_on) == ("AAH", date(2005, 5, 2), date(2005, 6, 2))
    assert event.diagnoses == ("41090",)
    assert (event.delivery.qualifier, event.delivery.count, event.lines) == ("VS", "1", ())


def test_reads_an_official_admission_response_with_a_line_that_differs_from_its_event() -> None:
    (event,) = outside("stupidedi/admission-response-to-request-for-review.edi").events
    (line,) = event.lines
    assert (event.review.action, line.review.action) == (Action.MODIFIED, Action.CERTIFIED)
    assert (event.delivery.qualifier, event.delivery.count) == ("DY", "5")
    assert (line.procedure, line.review.number) == ("33510", "AUTH0002")  # SV2, which we never write
    assert [(each.qualifier, each.starts_on) for each in line.spans] == [("472", date(2005, 5, 16))]


def test_reads_an_official_reservation_response_with_what_remains() -> None:
    (event,) = outside("stupidedi/response-to-medical-services-reservation.edi").events
    (line,) = event.lines
    assert (line.procedure, line.units, line.units_measure) == ("99212", "1", "UN")
    assert (line.delivery.qualifier, line.delivery.period, line.delivery.periods) == ("", "29", "2")


def test_reads_official_requests() -> None:
    referral = outside("stupidedi/referral-request-for-review.edi").request
    assert (referral.category, referral.kind, referral.place_of_service) == ("SC", Kind.INITIAL, "11")
    assert referral.quantity == Quantity(amount=1, unit=Unit.VISIT)
    assert [(each.role, each.provider.name) for each in referral.providers] == [(Role.SERVICE, "WATSON")]
    assert referral.providers[0].provider.contact.phone == "4029993456"
    reservation = outside("stupidedi/request-for-medical-services-reservation.edi").request
    (line,) = reservation.lines
    assert (line.procedure, line.quantity) == ("99212", Quantity(amount=1, unit=Unit.UNIT))
    assert (line.starts_on, line.ends_on) == (date(2005, 5, 10), None)


def test_reads_an_official_999_with_both_kinds_of_context() -> None:
    acknowledgment = outside("stupidedi/response-to-functional-group-containing-3-837s.edi")
    assert isinstance(acknowledgment, GroupAcknowledgment)
    assert (acknowledgment.functional_id, acknowledgment.control_number) == ("HC", "17456")
    assert (acknowledgment.code, acknowledgment.included, acknowledgment.accepted) == ("P", 3, 1)
    assert [each.code for each in acknowledgment.sets] == ["A", "R", "R"]
    (second,), (third,) = acknowledgment.sets[1].segments, acknowledgment.sets[2].segments
    assert (second.tag, second.number, second.code, second.context_value) == ("CLM", 22, "8", "123456789")
    assert [(each.element, each.reference, each.code) for each in second.elements] == [(2, "782", "1")]
    assert (third.tag, third.context, third.context_value) == ("REF", "CLM01", "987654321")


def test_reads_a_277ca_of_a_medicaid_payer() -> None:
    accepted = outside("x12-parser/x12_277CA_accepted.txt")
    assert (accepted.batch, accepted.accepted, accepted.accepted_charge) == ("000000674", 1, 12500)
    claim = accepted.providers[0].claims[0]
    assert (claim.control_number, claim.payer_claim_number) == ("5781", "1107000000014420")
    assert (claim.patient_last, claim.member_id) == ("TPATIENT", "LL99999X")
    assert claim.statuses[0].verdict is Verdict.ACCEPTED
    rejected = outside("x12-parser/x12_277CA_rejected.txt").providers[0].claims[0]
    (status,) = rejected.statuses
    assert (status.category, status.code, status.entity, status.charge) == ("A7", "562", "85", 19914)


def test_reads_an_official_835_of_nine_claims() -> None:
    remittance = outside("stupidedi/multiple-claims-single-check.edi")
    assert (remittance.amount, remittance.check_number, remittance.payer_id) == (81080, "12345", "1512345678")
    assert (remittance.method, remittance.paid_on) == ("CHK", date(2014, 3, 31))
    assert (remittance.payer_contact_name, remittance.payee_name) == ("JANE DOE", "BAN DDS LLC")
    assert [claim.paid for claim in remittance.claims] == [
        13200, 7400, 10800, 1400, 1680, 13200, 10800, 8200, 14400,
    ]  # fmt: skip
    assert sum(claim.paid for claim in remittance.claims) == remittance.amount
    third = remittance.claims[2]
    assert (third.patient_responsibility, third.member_id) == (2400, "SJD11113")
    assert third.lines[1].adjustments == (
        Adjustment(group="PR", reason="3", amount=1400),
        Adjustment(group="CO", reason="131", amount=1100),
    )
    assert (third.lines[1].procedure, third.lines[1].allowed, third.lines[1].served_on) == (
        "D0220",
        1400,
        date(2014, 3, 24),
    )


def test_reads_an_official_claim_of_a_dependent() -> None:
    batch = outside("stupidedi/commercial-health-insurance.edi")
    (claim,) = batch.claims
    assert (claim.control_number, claim.charge, claim.place_of_service) == ("26463774", 10000, "11")
    assert claim.dependent is not None
    assert (claim.subscriber.person.first, claim.dependent.person.first) == ("JANE", "TED")
    assert (claim.dependent.relationship, claim.dependent.person.born) == ("child", date(1973, 5, 1))
    assert [(line.procedure, line.charge, line.units) for line in claim.lines] == [
        ("99213", 4000, 1),
        ("87070", 1500, 1),
        ("99214", 3500, 1),
        ("86663", 1000, 1),
    ]


def read_back(path: Path) -> Iterator[Any]:
    """The record of each set that a map knows, built and read again; a GatewayError in place of one that is refused."""
    guides = {maps.load(name).guide: name for name in TRANSACTIONS}
    try:
        sets = [part for part in examine([path.read_bytes()]) if isinstance(part, Examined) and part.guide in guides]
    except GatewayError:
        return
    for one in sets:
        mapped = maps.load(guides[one.guide])
        assert one.root is not None
        try:
            record = mapped.read(one.root, one.set.place)
        except GatewayError as error:
            yield error
            continue
        again = guide.load(one.guide).walk(mapped.build(record), Position())
        assert (path.name, mapped.read(again.root)) == (path.name, mapped.on_wire(record))
        yield record


def test_every_file_of_the_corpus_is_read_or_refused_with_a_place() -> None:
    """What cannot be read gets a GatewayError, never another exception; what can is read again from what we build."""
    if not CORPUS.exists():
        pytest.skip(f"the corpus is not here: {CORPUS}")
    found = [each for path in sorted(CORPUS.glob("*/*")) for each in read_back(path)]
    refused = [each for each in found if isinstance(each, GatewayError)]
    assert len(found) - len(refused) > 40
    assert [error for error in refused if not isinstance(error.where, Position)] == []


@pytest.mark.parametrize(("file", "digest"), json.loads(OUTSIDE.read_text(encoding="utf-8")).items())
def test_files_from_outside_are_read_to_the_same_records_as_ever(file: str, digest: str) -> None:
    """Digests of records that the first, interpreting reader gave as well."""
    path = CORPUS / file
    if not path.exists():
        pytest.skip(f"the corpus is not here: {CORPUS}")
    plain = [to_plain(each) for each in read_back(path) if not isinstance(each, GatewayError)]
    assert f"{len(plain)} {sha256(json.dumps(plain).encode()).hexdigest()[:16]}" == digest


# --- What cannot be read, or not be written ---

BROKEN = [
    ("837p", "CLM*CL26031000001*287.5*", "CLM*CL26031000001*287.505*", "CLM02"),
    ("837p", "CLM*CL26031000001*287.5*", "CLM*CL26031000001*2E3*", "CLM02"),
    ("837p", "SBR*P*18*", "SBR*E*18*", "SBR01"),
    ("837p", "SV1*HC:97140:GP*100*UN*1*", "SV1*HC:97140:GP*100*UN*1.5*", "SV104"),
    ("837p", "SV1*HC:97140:GP*100*UN*1*", "SV1*HC:97140:GP*100*MJ*15*", "SV103"),
    ("837p", "***1:2", "***1:X", "SV107"),
    ("837p", "DMG*D8*19790214*F", "DMG*D8*19790230*F", "DMG02"),
    ("837p", "11:B:1*Y", "11:B:6*Y", "CLM05-03"),
    ("837p", "DTP*431*D8*20260112", "DTP*431*RD8*20260112-20260113", "DTP02"),
    ("278_request", "UM*HS*4*", "UM*HS*7*", "UM02"),
    ("278_request", "DTP*AAH*RD8*20260305-20260604", "DTP*AAH*RD8*20260305", "DTP03"),
    ("278_request", "HSD*HS*1.75", "HSD*HS*1.7501", "HSD02"),
    ("278_response", "DTP*102*D8*20260303", "DTP*102*D8*2026033", "DTP03"),
    ("278_response", "DTP*102*D8*20260303", "DTP*102*DT*202603031200", "DTP02"),
    ("835", "CAS*CO*45*10**253*2.5", "CAS*CO*45*10**253*2.555", "CAS06"),
    ("835", "*ACH************20260401", "*ACH************20260431", "BPR16"),
    ("835", "*-1.25*", "*1,25*", "PLB06"),
    ("999", "AK9*P*2*2*1*5", "AK9*P*2*2*ONE*5", "AK904"),
    ("277ca", "QTY*QA*1", "QTY*QA*1.2", "QTY02"),
]


@pytest.mark.parametrize(("name", "good", "bad", "place"), BROKEN, ids=lambda text: text if "*" in text else "")
def test_a_value_that_cannot_be_read_stops_the_document_and_is_not_quoted(
    name: str, good: str, bad: str, place: str
) -> None:
    text = (GOLDEN / f"{name}.edi").read_text(encoding="ascii")
    assert good in text
    (found,) = (each for each in unwrap([text.replace(good, bad, 1).encode()]) if isinstance(each, TransactionSet))
    with pytest.raises(GatewayError) as caught:
        read(found)
    where = caught.value.where
    assert isinstance(where, Position)
    assert (where.reference, where.set, where.segment > 1) == (place, "0001", True)
    assert where.interchange == found.interchange.control_number
    value = next(new for old, new in zip(good.split("*"), bad.split("*"), strict=True) if old != new)
    assert len(value) < 3 or value not in str(caught.value)


def test_a_date_that_the_record_cannot_do_without_is_asked_for_by_its_element() -> None:
    text = (GOLDEN / "835.edi").read_text(encoding="ascii").replace("************20260401", "", 1)
    (found,) = (each for each in unwrap([text.encode()]) if isinstance(each, TransactionSet))
    with pytest.raises(GatewayError, match="BPR16 is missing, and a Remittance cannot do without its paid_on"):
        read(found)


def test_a_claim_that_contradicts_itself_is_refused_with_its_place() -> None:
    text = (
        (GOLDEN / "837p.edi").read_text(encoding="ascii").replace("CLM*CL26031000002*90.05", "CLM*CL26031000002*90.06")
    )
    (found,) = (each for each in unwrap([text.encode()]) if isinstance(each, TransactionSet))
    with pytest.raises(GatewayError, match="the Claim contradicts itself") as caught:
        read(found)
    assert isinstance(caught.value.where, Position)
    assert (caught.value.where.loop, caught.value.where.segment) == ("2000A/2000B/2300", 36)


def golden(name: str) -> Any:
    one = maps.load(name)
    return from_plain(one.record, json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")))


def test_what_the_wire_has_no_room_for_is_not_cut() -> None:
    claim = golden("837p").claims[0]
    long = replace(claim, lines=(replace(claim.lines[0], pointers=(1, 2, 1, 2, 1)), claim.lines[1]))
    with pytest.raises(GatewayError, match="5 values do not fit, 4 do") as caught:
        maps.load("837p").build(replace(golden("837p"), claims=(long,)))
    assert caught.value.where == "SV107"


def test_minutes_that_are_no_decimal_hours_are_not_rounded() -> None:
    message = golden("278_request")
    odd = replace(message.request, quantity=Quantity(amount=20, unit=Unit.MINUTE))
    with pytest.raises(GatewayError, match="no decimal fraction of an hour"):
        maps.load("278_request").build(replace(message, request=odd))


def test_half_a_window_is_not_written() -> None:
    message = golden("278_request")
    with pytest.raises(GatewayError, match="one half of the value is missing"):
        maps.load("278_request").build(replace(message, request=replace(message.request, starts_on=None)))


def test_a_sequence_without_a_code_is_not_written() -> None:
    batch = golden("837p")
    with pytest.raises(GatewayError, match="the code table sequence has no code"):
        maps.load("837p").build(replace(batch, claims=(replace(batch.claims[0], sequence="quaternary"),)))


# --- Levels and packing ---


def test_levels_are_shared_by_claims_that_follow_each_other() -> None:
    batch = golden("837p")
    own, other, child = batch.claims
    elsewhere = Provider(name="HILLSIDE THERAPY", npi="1444444442", organisation=True)
    order = (own, child, child, own, replace(other, billing=elsewhere), replace(own, filing="MB"))
    built = texts(maps.load("837p").build(replace(batch, claims=order)))
    assert [text for text in built if text.startswith(("HL", "SBR*P", "CLM"))] == [
        "HL*1**20*1",
        "HL*2*1*22*0",
        "SBR*P*18*GRP77******CI",
        "CLM*CL26031000001*287.5***11:B:1*Y*A*Y*Y",
        "HL*3*1*22*1",
        "SBR*P**GRP77******CI",
        "HL*4*3*23*0",
        "CLM*CL26031000003*50***22:B:1*Y*A*Y*Y",
        "CLM*CL26031000003*50***22:B:1*Y*A*Y*Y",
        "HL*5*1*22*0",
        "SBR*P*18*GRP77******CI",
        "CLM*CL26031000001*287.5***11:B:1*Y*A*Y*Y",
        "HL*6**20*1",
        "HL*7*6*22*0",
        "SBR*P*18*GRP77******CI",
        "CLM*CL26031000002*90.05***11:B:7*Y*A*N*Y**AA:::IL",
        "HL*8**20*1",
        "HL*9*8*22*0",
        "SBR*P*18*GRP77******MB",
        "CLM*CL26031000001*287.5***11:B:1*Y*A*Y*Y",
    ]


def test_a_cas_holds_six_of_one_group() -> None:
    remittance = golden("835")
    assert isinstance(remittance, Remittance)
    seven = tuple(Adjustment(group="CO", reason=str(number), amount=100 * number) for number in range(1, 8))
    more = (Adjustment(group="PR", reason="1", amount=1, quantity="2"), Adjustment(group="CO", reason="2", amount=2))
    claim = replace(remittance.claims[1], adjustments=seven + more)
    built = texts(maps.load("835").build(replace(remittance, claims=(claim,))))
    assert [text for text in built if text.startswith("CAS")] == [
        "CAS*CO*1*1**2*2**3*3**4*4**5*5**6*6",
        "CAS*CO*7*7",
        "CAS*PR*1*0.01*2",
        "CAS*CO*2*0.02",
    ]


REFUSED = [
    ("2010EA", "HL*5*4*SS*0~", "NM1*SJ*2*LAKESIDE THERAPY~\nAAA*N**35*N~\nHL*5*4*SS*0~"),
    ("2010EC", "HL*5*4*SS*0~", "NM1*PW*2*HOME~\nN3*7 ELM STREET~\nN4*SPRINGFIELD~\nAAA*N**47*C~\nHL*5*4*SS*0~"),
    ("2010FA", "SV1*HC:97110:GP**UN*24~", "SV1*HC:97110:GP**UN*24~\nNM1*SJ*1*HAND*OTTO~\nAAA*N**43*C~"),
]


@pytest.mark.parametrize(("loop", "before", "after"), REFUSED, ids=[each[0] for each in REFUSED])
def test_what_is_wrong_with_somebody_at_the_event_or_line_is_kept(loop: str, before: str, after: str) -> None:
    text = (GOLDEN / "278_response.edi").read_text(encoding="ascii").replace(before, after, 1)
    (found,) = (each for each in unwrap([text.encode()]) if isinstance(each, TransactionSet))
    walked = guide.load(running(found).guide).walk(found.segments, found.place)
    assert [str(finding) for finding in walked.findings] == []
    (event,) = read(found).events
    rejections = [*event.rejections, *event.lines[0].rejections]
    assert [each.level for each in rejections] == [loop]
    assert bool(event.rejections) == loop.startswith("2010E")


# --- Forms ---


@given(st.integers(-(10**12), 10**12))
def test_cents_on_the_wire_are_the_same_amount(cents: int) -> None:
    text = forms.cents_out(cents)
    assert Decimal(text) * 100 == cents
    assert forms.cents_in(text) == cents
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


@given(st.integers(0, 10**6))
def test_minutes_are_hours_or_nothing(minutes: int) -> None:
    if minutes % 3:  # A decimal fraction has no threes in it.
        with pytest.raises(ValueError, match="no decimal fraction"):
            forms.hours_out(minutes)
    else:
        assert Decimal(forms.hours_out(minutes)) * 60 == minutes
        assert forms.hours_in(forms.hours_out(minutes)) == minutes


@pytest.mark.parametrize("text", ["1e2", "NaN", "Infinity", "1_0", "٣", " 1", "1,5", "+1", "-", ".", "0.001"])
def test_odd_numbers_are_no_amounts(text: str) -> None:
    with pytest.raises(ValueError, match="it is not an amount in whole cents"):
        forms.cents_in(text)


@pytest.mark.parametrize(("text", "cents"), [("125.0", 12500), (".5", 50), ("-0.05", -5), ("100", 10000), ("7.", 700)])
def test_amounts_are_read_as_senders_write_them(text: str, cents: int) -> None:
    assert forms.cents_in(text) == cents


# --- What the notation allows and no map of ours needs yet ---

UNUSUAL = """\
guide    = "x"
record   = "remittance.Remittance"
segments = ["BPR*I*{amount:cents}*{paid_on:date}", "TRN*1*{check_number}*{payer_id}", "@payer", "@runs"]

[part.payer]  # shares the loop of the record around it
of       = "payer"
segments = ["N1*PR*{name}*XV*{id}?"]

[group.runs]  # stands in no loop of its own
of       = "claims"
by       = ["status", "filing?"]
segments = ["LQ*{status}*{filing}?", "@claims"]

[each.claims]
of       = "."
loop     = "2000/2100"
when     = "patient_first = ANN"
segments = ["LX*{#}", "CLP*{control_number}*{charge:cents}*{paid:cents}*{/check_number}*{remarks^3}", "@lines"]

[each.lines]
loop     = "2110"
segments = [
  "SVC*{procedure}*{charge:cents}*{paid:cents}*{modifiers*4}*(A*{units_paid}|B*{original_units} when procedure = Q)",
  "DTM*472*{served_on:date}-{served_to:date}? when served_to",
  "MIA*{original_modifiers:2}:Z/Y",
]
"""


def test_a_map_may_use_the_whole_notation() -> None:
    line = golden("835").claims[0].lines[0]
    lines = (
        replace(line, modifiers=("GP", "59"), units_paid="2", original_units="3", procedure="Q", original_modifiers=()),
        replace(line, modifiers=(), units_paid="", original_modifiers=("GO",)),
    )
    lines = tuple(replace(each, served_on=date(2026, 3, 1), served_to=date(2026, 3, 2), paid=1) for each in lines)
    claim = replace(golden("835").claims[0], patient_first="ANN", remarks=("N1", "N2"), lines=lines, charge=5)
    claims = (claim, replace(claim, patient_first="BOB"), replace(claim, status="4", filing="", lines=()))
    one = maps.compile_map("unusual", UNUSUAL, "unusual.toml")
    record = replace(golden("835"), claims=claims, check_number="77")
    built = one.build(record)
    assert texts(built)[3:] == [
        f"LQ*{claim.status}*{claim.filing}",
        "LX*1",
        f"CLP*{claim.control_number}*0.05*{forms.cents_out(claim.paid)}*77*N1^N2",
        f"SVC*Q*{forms.cents_out(line.charge)}*0.01*GP*59***A*2*B*3",
        "DTM*472*20260301-20260302",
        "MIA*::Z",
        f"SVC*{line.procedure}*{forms.cents_out(line.charge)}*0.01",
        "DTM*472*20260301-20260302",
        "MIA*GO::Z",
        "LQ*4",
        "LX*1",
        f"CLP*{claim.control_number}*0.05*{forms.cents_out(claim.paid)}*77*N1^N2",
    ]
    payment = Loop("2100", built[4:6], [Loop("2110", built[6:9]), Loop("2110", built[9:12])])
    root = Loop("ST_LOOP", built[:4], [Loop("2000", [], [payment])])
    assert one.read(root) == one.on_wire(replace(record, claims=(claim,)))
    assert [each.modifiers for each in one.read(root).claims[0].lines] == [("GP", "59"), ()]


# --- Mistakes in a map ---

BAD = """\
guide    = "835.5010.X221.A1.xml"
record   = "remittance.Remittance"
segments = [
  "BPR*I*{amount:date}*{direction}",
  "TRN*1*{cheque_number}",
  "DTM*405*{produced_on}",
  "@claims",
  "@nobody",
  "REF*EV*{payee_npi:nothing}?",
  "N1*PR*{payer}",
]

[each.claims]
loop     = "2000/2100"
number   = "status"
segments = [
  "CLP*{control_number}*({status}",
  "CLP*{control_number} when charge = x",
  "MOA***{remarks}",
  "LQ*HE*{status}+",
  "CAS*{status:missing}",
  "lq*HE",
  "@claims",
  "DTM*050*{received_on:date}-{_}",
]

[each.lost]
of       = "claims"
segments = ["LX*1"]
"""

KIN = """\
guide    = "x"
record   = "parties.Dependent"
segments = ["INS*N*{relationship:kin}"]
[codes.kin]
"""


def test_every_mistake_of_a_map_is_told_at_once_with_its_line() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        maps.compile_map("bad", BAD, "bad.toml")
    told = {str(finding.where): finding.what for finding in caught.value.findings}
    expected = {
        "bad.toml:4": "the form date is for date, the field is int",
        "bad.toml:5": "Remittance has no field cheque_number",
        "bad.toml:6": "a field of type date needs a form",
        "bad.toml:8": "there is no part nobody",
        "bad.toml:9": "there is no form or code table nothing",
        "bad.toml:10": "payer is a record, not a value",
        "bad.toml:15": "status is no whole number",
        "bad.toml:17": "an opening without its closing mark",
        "bad.toml:18": "x is no int",
        "bad.toml:19": "remarks holds several values, and the line has room for one",
        "bad.toml:20": "a line with + needs one field that holds several values",
        "bad.toml:21": "there is no form or code table missing",
        "bad.toml:22": "lq is no segment's tag",
        "bad.toml:23": "the part claims calls itself",
        "bad.toml:24": "{_} can only be read past",
        "bad.toml:27": "no line calls @lost",
    }
    assert told.keys() == expected.keys()
    assert [line for line, what in expected.items() if what not in told[line]] == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("guide = ", "the map is no TOML"),
        ('guide = "x"\nrecord = "claim.Nothing"\nsegments = ["LX*1"]', "there is no record claim.Nothing"),
        ('guide = "x"\nrecord = "claim.ClaimBatch"\nsegments = "LX*1"', "segments is no list"),
        ('guide = "x"\nrecord = "claim.ClaimBatch"\nsegments = [1]', "segments holds something that is no text"),
        ('record = "claim.ClaimBatch"\nsegments = ["LX*1"]', "the key guide is missing"),
        ('guide = "x"\nrecord = "claim.ClaimBatch"\nsegments = ["LX*1"]\nloops = 1', "there is no key loops here"),
        (KIN + 'child = "19"', "the code table kin has no code for spouse, other"),
        (KIN + 'aunt = "19"', "aunt is no Relationship"),
        (KIN + "child = 19", "child needs a code, or a list of them"),
    ],
)
def test_a_broken_map_says_what_is_wrong(text: str, what: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        maps.compile_map("bad", text, "bad.toml")
    assert what in " ".join([str(caught.value), *map(str, caught.value.findings)])


@pytest.mark.parametrize("name", TRANSACTIONS)
def test_the_maps_load(name: str) -> None:
    assert maps.load(name).guide.endswith(".xml")

"""What must agree between the values of one submitted record, and between it and the configuration.

Looks at the record as submitted, so that these mistakes are told beside those of single values; a value that is not
valid by itself is passed over here. Each problem is a path, what is wrong, and how to mend it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Literal

from gateway.domain.money import dollars
from gateway.flow.intake_values import cents_of, day_of, quietly
from gateway.flow.intake_words import JsonPath
from gateway.settings import Settings

Problem = tuple[JsonPath, str, str]
Raw = Mapping[str, Any]

_EARLIER = ("previous_number", "administrative_reference", "earlier_ref")
_MEASURES = ("visits", "units", "hours", "days")
_NOT_SENT = {"type", "organisation", "clinic", "client_ref", "authorization_ref"}
_REWRITTEN = {"born", "charge", "patient_paid", "hours", "postal_code", "phone", "fax", "diagnoses"}
_YEARS_MAX = 130


def record_problems(raw: Raw, today: date, own: Callable[[Raw, date], Iterator[Problem]]) -> Iterator[Problem]:
    """What does not agree within a record; ``own`` looks at what only its type has."""
    yield from _patient(raw, today)
    yield from _accident(raw)
    yield from _attachments(raw)
    codes = [str(each).replace(".", "").strip().upper() for each in _list(raw, "diagnoses")]
    for position, code in enumerate(codes):
        if code in codes[:position]:
            yield ("diagnoses", position), "this diagnosis is there twice", "Name each once"
    yield from own(raw, today)


def configuration_problems(raw: Raw, settings: Settings, *transactions: Literal["278", "837"]) -> Iterator[Problem]:
    """What does not agree with the configuration: an unknown clinic, a payer that nobody serves, a delimiter.

    ``transactions`` is the one that the record goes out as; those for which its payer may be served, where it stays
    with us."""
    organisation, clinic, payer = (raw.get(key) for key in ("organisation", "clinic", "payer"))
    known = settings.organisation(organisation) if isinstance(organisation, str) else None
    if isinstance(organisation, str) and known is None:
        yield ("organisation",), "there is no such organisation", _known(each.id for each in settings.organisations)
    if known and isinstance(clinic, str) and settings.clinic(known.id, clinic) is None:
        yield ("clinic",), "the organisation has no such clinic", _known(each.id for each in known.clinics)
    if not isinstance(payer, str):
        return
    partners = [settings.partner_for(payer.strip(), each) for each in transactions]
    partner = next((each for each in partners if each is not None), None)
    if partner is None:
        served = {
            each.id
            for partner in settings.partners.values()
            for each in partner.payers
            if partner.enabled and set(transactions) & set(each.transactions)
        }
        named = " or ".join(transactions)
        yield ("payer",), f"no trading partner serves this payer for the {named}", _known(sorted(served))
        return
    if len(transactions) > 1:
        return
    marks = partner.envelope.delimiters
    reserved = {marks.element, marks.component, marks.repetition, marks.terminator}
    for path, text in _texts(raw):
        if not _is_rewritten(path) and reserved & set(text):
            fix = f"Leave out each of {' '.join(sorted(reserved))}"
            yield path, "this has a character that separates fields with this partner", fix


def _patient(raw: Raw, today: date) -> Iterator[Problem]:
    patient, holder = _object(raw, "patient"), raw.get("policy_holder")
    for key in ("patient", "policy_holder"):
        born = quietly(day_of, _object(raw, key).get("born"))
        if born and (born > today or today.year - born.year > _YEARS_MAX):
            yield (key, "born"), "nobody who is treated today was born then", "Check the date"
    if not isinstance(raw.get("patient"), Mapping):
        return
    if holder is None and patient.get("member_id") is None:
        yield ("patient", "member_id"), "the member id is missing", "Add it, or name the policy holder with it"
    if holder is None and patient.get("relationship") is not None:
        yield (
            ("policy_holder",),
            "the policy holder is missing",
            "Name whose policy it is, or leave the relationship out",
        )
    if holder is not None and patient.get("relationship") is None:
        fix = "Say what the patient is to the policy holder: spouse, child or other"
        yield ("patient", "relationship"), "the relationship is missing", fix


def _accident(raw: Raw) -> Iterator[Problem]:
    accident = raw.get("accident")
    if isinstance(accident, Mapping):
        if accident.get("happened_on") is None:
            yield ("accident", "happened_on"), "the day of the accident is missing", "Add it as YYYY-MM-DD"
        if accident.get("kind") == "auto" and accident.get("state") is None:
            yield ("accident", "state"), "the state of the car accident is missing", "Add its two letters"


def _attachments(raw: Raw) -> Iterator[Problem]:
    for position, each in enumerate(_list(raw, "attachments")):
        if (
            isinstance(each, Mapping)
            and each.get("transmission") not in ("AA", "VO")
            and not each.get("control_number")
        ):
            fix = "Add the number that the document will carry, or write AA for one that is there on request"
            yield ("attachments", position, "control_number"), "nobody could tell this document's request by it", fix


def authorization_problems(raw: Raw, today: date) -> Iterator[Problem]:
    """Of an authorization request."""
    kind = raw.get("kind", "initial")
    contact = raw.get("contact")
    if isinstance(contact, Mapping) and not any(contact.get(key) for key in ("phone", "fax", "email")):
        yield ("contact",), "nobody could be reached by this", "Add a phone, a fax or an email address"
    lines = [each if isinstance(each, Mapping) else {} for each in _list(raw, "lines")]
    yield from _measures((), raw)
    yield from window_problems((), raw)
    for position, line in enumerate(lines):
        yield from _measures(("lines", position), line)
        yield from window_problems(("lines", position), line)
        yield from _inside(("lines", position), line, raw)
    for position, provider in enumerate(_list(raw, "providers")):
        if isinstance(provider, Mapping):
            organisation = provider.get("role") == "facility"
            yield from provider_problems(("providers", position), provider, organisation=organisation, npi=False)
    if kind != "initial" and not any(raw.get(key) for key in _EARLIER):
        fix = "Add the number of the authorization that this is about, the payer's reference, or your own number of it"
        yield ("previous_number",), "nobody could tell which authorization this is about", fix
    if kind != "cancel":
        if raw.get("starts_on") is None:
            yield ("starts_on",), "the first day is missing", "Add it as YYYY-MM-DD"
        if not raw.get("diagnoses"):
            yield ("diagnoses",), "the diagnosis is missing", "Add at least one, the principal one first"
    if (
        kind in ("initial", "extension", "renewal")
        and not lines
        and not any(raw.get(key) is not None for key in _MEASURES)
    ):
        yield ("visits",), "nothing is asked for", "Say how many visits, units, hours or days, or add lines"


def _measures(path: JsonPath, raw: Raw) -> Iterator[Problem]:
    given = [key for key in _MEASURES if raw.get(key) is not None]
    for key in given[1:]:
        yield (*path, key), f"the quantity is given as {given[0]} and as {key}", "Keep one of them"


def window_problems(path: JsonPath, raw: Raw) -> Iterator[Problem]:
    """Of a first and a last day."""
    starts, ends = (quietly(day_of, raw.get(key)) for key in ("starts_on", "ends_on"))
    if starts and ends and ends < starts:
        yield (*path, "ends_on"), "the last day is before the first", "Exchange or correct them"
    if raw.get("ends_on") is not None and raw.get("starts_on") is None:
        yield (*path, "starts_on"), "there is a last day and no first", "Add the first day"


def _inside(path: JsonPath, line: Raw, raw: Raw) -> Iterator[Problem]:
    first, last = (quietly(day_of, raw.get(key)) for key in ("starts_on", "ends_on"))
    for key in ("starts_on", "ends_on"):
        day = quietly(day_of, line.get(key))
        if day and ((first and day < first) or (last and day > last)):
            yield (*path, key), "this day is outside of the request's window", "Correct it, or widen the window"


def provider_problems(path: JsonPath, raw: Raw, *, organisation: bool, npi: bool) -> Iterator[Problem]:
    """Of a provider: ``organisation`` and ``npi`` say what it must have."""
    if raw.get("name") and raw.get("last_name"):
        yield (*path, "name"), "this names an organisation and a person", "Keep name or last_name"
    elif organisation and not raw.get("name"):
        yield (*path, "name"), "the facility's name is missing", "Add it"
    elif not (raw.get("name") or raw.get("last_name")):
        yield (
            (*path, "last_name"),
            "the provider has no name",
            "Add last_name for a person, or name for an organisation",
        )
    if npi and raw.get("npi") is None:
        yield (*path, "npi"), "the NPI is missing", "Add its ten digits"


def claim_problems(raw: Raw, today: date) -> Iterator[Problem]:
    """Of a claim."""
    lines = [each if isinstance(each, Mapping) else {} for each in _list(raw, "lines")]
    born = quietly(day_of, _object(raw, "patient").get("born"))
    for position, line in enumerate(lines):
        served = quietly(day_of, line.get("served_on"))
        if served and served > today:
            yield ("lines", position, "served_on"), "this day is still to come", "Bill it when it took place"
        if served and born and served < born:
            yield ("lines", position, "served_on"), "this day is before the patient's birth", "Correct one of them"
        yield from _pointers(("lines", position, "pointers"), line, len(_list(raw, "diagnoses")))
    yield from _amounts(raw, lines)
    taken = {"primary"}  # The claim's own payer: a claim to a secondary payer cannot be submitted yet.
    for position, coverage in enumerate(_list(raw, "other_coverages")):
        sequence = coverage.get("sequence") if isinstance(coverage, Mapping) else None
        if isinstance(sequence, str) and sequence in taken:
            what = "another payer of this claim has this place already; the claim's own payer is the primary one"
            yield ("other_coverages", position, "sequence"), what, "Give each payer a place of its own"
        elif isinstance(sequence, str):
            taken.add(sequence)
    if raw.get("frequency") in ("replacement", "void") and not raw.get("payer_claim_number"):
        fix = "Add the payer's number of the claim that this one replaces or voids"
        yield ("payer_claim_number",), "nobody could tell which claim this is about", fix
    for key in ("rendering", "referring", "facility"):
        provider = raw.get(key)
        if isinstance(provider, Mapping):
            yield from provider_problems((key,), provider, organisation=key == "facility", npi=key != "facility")
            if key == "facility" and provider.get("address") is None:
                yield ("facility", "address"), "the facility's address is missing", "Add it"


def _pointers(path: JsonPath, line: Raw, diagnoses: int) -> Iterator[Problem]:
    seen: list[Any] = []
    for position, pointer in enumerate(_list(line, "pointers")):
        if isinstance(pointer, int) and pointer > diagnoses > 0:
            yield (*path, position), f"the claim has no diagnosis {diagnoses + 1} or more", f"Point at 1 to {diagnoses}"
        elif pointer in seen:
            yield (*path, position), "this diagnosis is pointed at twice", "Point at each once"
        seen.append(pointer)


def _amounts(raw: Raw, lines: list[Raw]) -> Iterator[Problem]:
    charges = [quietly(cents_of, line.get("charge")) for line in lines]
    if not charges or None in charges:
        return
    total = sum(each for each in charges if each is not None)
    charge, paid = quietly(cents_of, raw.get("charge")), quietly(cents_of, raw.get("patient_paid"))
    if charge is not None and charge != total:
        yield (
            ("charge",),
            f"the lines' charges add up to {dollars(total)}, and not to this",
            "Correct it, or leave it out",
        )
    if paid is not None and paid > total:
        yield ("patient_paid",), "the patient has paid more than is charged", "Correct one of them"
    if total > 999_999_999:
        yield (
            ("lines",),
            "the lines' charges are too large together",
            "Check them; 9999999.99 is the most that is possible",
        )


def _is_rewritten(path: JsonPath) -> bool:
    """Whether a value never goes out as it came in: it stays with us, or its hyphens and dots are taken out."""
    return path[0] in _NOT_SENT or any(part in _REWRITTEN or str(part).endswith("_on") for part in path)


def _texts(raw: Raw) -> Iterator[tuple[JsonPath, str]]:
    waiting: list[tuple[JsonPath, Any]] = [((key,), value) for key, value in raw.items()]
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, Mapping) and len(path) < 8:
            waiting += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list) and len(path) < 8:
            waiting += [((*path, position), inner) for position, inner in enumerate(value)]


def _object(raw: Raw, key: str) -> Raw:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(raw: Raw, key: str) -> list[Any]:
    found = raw.get(key)
    return found if isinstance(found, list) else []


def _known(ids: Any) -> str:
    known = list(ids)
    more = f" and {len(known) - 10} more" if len(known) > 10 else ""
    return (
        f"Known here: {', '.join(known[:10])}{more}" if known else "None is known here; the configuration must name it"
    )

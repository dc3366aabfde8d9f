"""After a long enough interval a new episode of care begins, and it needs an authorization of its own."""

from collections.abc import Iterator
from datetime import date

from gateway.domain.authorization import Kind
from gateway.domain.disciplines import discipline
from gateway.errors import Finding, Severity
from gateway.rules.case import Case, Certification, ClaimCase, RequestCase
from gateway.rules.episodes import last_before, visits
from gateway.rules.need import certified_lines, without

RULE = "episode_gap"
CHECK = 27
SOURCE = "domain facts, 2.1 (episode definition) and 7.1 (27)"
PREVENTS = "CARC 197"

_SAME_EPISODE = (Kind.EXTENSION, Kind.RENEWAL)


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from without(case, RULE, "nothing is certified yet that could be of an earlier episode")
    lines = [(where, line, case.open(line) or named) for where, line, named in certified_lines(case)]
    if not lines:
        return
    if case.treated is None:
        yield _unknown(case, f"{lines[0][0]}.served_on", "this patient's visits are not known")
        return
    said: set[str] = set()
    billed = {(discipline(line), line.served_on) for _, line in case.lines()}
    for where, line, held in sorted(lines, key=lambda each: each[1].served_on):
        word, place = discipline(line), f"{where}.served_on"
        days = [each.served_on for each in visits(case.treated, word)]
        days += [day for other, day in billed if other == word]
        last = max((day for day in days if day < line.served_on), default=None)
        if last is None or word in said:
            continue
        found = _of_before(case, place, line.served_on, last, held)
        if found:
            said.add(word)
            yield found


def check_request(case: RequestCase) -> Iterator[Finding]:
    """An extension or renewal continues an episode; behind a gap it has to be a request of its own."""
    request = case.request
    if request.kind not in _SAME_EPISODE:
        return
    if case.treated is None:
        yield _unknown(case, "$.starts_on", "this patient's visits are not known")
        return
    day = request.starts_on or case.date
    last = last_before(visits(case.treated, ""), day)
    if last is None:
        return
    gap = case.policy.episode_gap_days
    if gap is None:
        yield _no_gap(case, "$.starts_on")
    elif (day - last).days >= gap:
        what = f"{(day - last).days} days lie behind the last visit, and after {gap} a new episode begins"
        yield _warned(case, "$.kind", what, "Send it as an initial request", ("$.kind", "$.starts_on", "visits"))


def _of_before(case: ClaimCase, place: str, day: date, last: date, held: list[Certification]) -> Finding | None:
    """Where a line begins an episode, whether what it is billed under is of the one before."""
    gap, apart = case.policy.episode_gap_days, (day - last).days
    if gap is None:
        return _no_gap(case, place)
    if apart < gap:
        return None
    given = case.decided_on or min((each.starts_on for each in held if each.starts_on), default=None)
    if given is None:
        return _unknown(case, place, "the day on which the authorization was given is not known")
    if given > last:
        return None
    what = f"{apart} days lie behind the last visit, and after {gap} a new episode begins; this authorization is older"
    evidence = (place, "visits", "authorization.decided_on", "authorization.window")
    return _warned(case, place, what, "Ask for an authorization of the new episode", evidence)


def _warned(case: Case, where: str, what: str, fix: str, evidence: tuple[str, ...]) -> Finding:
    because = ("episode_gap_days",)
    return case.finding(RULE, what, where=where, fix=fix, default=Severity.WARN, evidence=evidence, because=because)


def _no_gap(case: Case, where: str) -> Finding:
    return _unknown(case, where, "it is not known after how many days this payer takes it for a new episode")


def _unknown(case: Case, where: str, what: str) -> Finding:
    return case.not_evaluated(
        RULE,
        what,
        where=where,
        fix="Write episode_gap_days in the payer's file, and enter the visits that took place",
        evidence=(where, "visits"),
        because=("episode_gap_days",),
    )

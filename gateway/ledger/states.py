"""Where an authorization stands, and where it may go from there (domain facts, 6.4). Decides nothing by itself."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class State(StrEnum):
    DRAFT = "draft"
    VALIDATED = "validated"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    PENDED = "pended"
    INFO_REQUESTED = "info_requested"
    CLOSED_NO_RESPONSE = "closed_no_response"  # What was asked for was not sent in time; the payer may still decide.
    CERTIFIED = "certified"
    CERTIFIED_PARTIAL = "certified_partial"
    MODIFIED = "modified"
    NOT_CERTIFIED = "not_certified"
    NOT_REQUIRED = "not_required"
    CONTACT_PAYER = "contact_payer"
    REJECTED = "rejected"  # AAA: correct it and send it again.
    RETRY = "retry"  # AAA: the same again may do.
    UNKNOWN = "unknown"  # A code that no source names: a person decides.
    CANCELLED = "cancelled"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    EXTENSION_REQUESTED = "extension_requested"
    RECONSIDERATION = "reconsideration"
    APPEAL = "appeal"
    CLOSED = "closed"


_S = State
GRANTING = frozenset({_S.CERTIFIED, _S.CERTIFIED_PARTIAL, _S.MODIFIED, _S.NOT_REQUIRED})
DECISIONS = GRANTING | {
    _S.PENDED,
    _S.INFO_REQUESTED,
    _S.NOT_CERTIFIED,
    _S.CONTACT_PAYER,
    _S.REJECTED,
    _S.RETRY,
    _S.UNKNOWN,
    _S.CANCELLED,
}
_UNDECIDED = DECISIONS | {_S.CLOSED}
_AFTER_GRANT = DECISIONS | {_S.EXHAUSTED, _S.EXPIRED, _S.SUPERSEDED, _S.EXTENSION_REQUESTED, _S.CLOSED}

_NEXT: Mapping[State, frozenset[State]] = {
    _S.DRAFT: frozenset({_S.VALIDATED, _S.CLOSED}),
    _S.VALIDATED: frozenset({_S.SENT, _S.CLOSED}),
    # A response may overtake the acknowledgment of its request, and a 999 may refuse it.
    _S.SENT: _UNDECIDED | {_S.ACKNOWLEDGED},
    _S.ACKNOWLEDGED: _UNDECIDED,
    _S.PENDED: _UNDECIDED,
    _S.INFO_REQUESTED: _UNDECIDED | {_S.CLOSED_NO_RESPONSE},
    _S.CLOSED_NO_RESPONSE: _UNDECIDED,
    _S.UNKNOWN: _UNDECIDED,
    _S.CONTACT_PAYER: _UNDECIDED,
    _S.REJECTED: _UNDECIDED | {_S.VALIDATED, _S.SENT},
    _S.RETRY: _UNDECIDED | {_S.SENT},
    _S.NOT_CERTIFIED: _UNDECIDED | {_S.RECONSIDERATION, _S.APPEAL},
    _S.RECONSIDERATION: _UNDECIDED,
    _S.APPEAL: _UNDECIDED,
    _S.EXTENSION_REQUESTED: _AFTER_GRANT,
    **dict.fromkeys(GRANTING, _AFTER_GRANT),
    _S.EXHAUSTED: _AFTER_GRANT | {_S.CERTIFIED},
    _S.EXPIRED: _AFTER_GRANT | {_S.CERTIFIED},
    _S.CANCELLED: frozenset({_S.CLOSED}),
    _S.SUPERSEDED: frozenset({_S.CLOSED}),
    _S.CLOSED: frozenset(),
}


def may_become(state: State, other: State) -> bool:
    """Whether an authorization may go from one state to the other; a repeat of its own state is no step."""
    return state is other or other in _NEXT[state]


# What asks for a person or for waiting comes before what is settled.
_MOST_ACTIONABLE = (
    _S.UNKNOWN,
    _S.CONTACT_PAYER,
    _S.REJECTED,
    _S.RETRY,
    _S.INFO_REQUESTED,
    _S.PENDED,
    _S.NOT_CERTIFIED,
    _S.CLOSED,
    _S.CANCELLED,
    _S.CERTIFIED_PARTIAL,
    _S.MODIFIED,
    _S.CERTIFIED,
    _S.NOT_REQUIRED,
)


def of_lines(states: Iterable[State]) -> State:
    """The state of an event from those of its lines: granted and not granted mixed is CERTIFIED_PARTIAL, else the one
    that most asks for action."""
    all_of = set(states)
    assert all_of, "an event has a decision"
    granted = all_of & GRANTING
    if granted and all_of - GRANTING:
        return State.CERTIFIED_PARTIAL
    return min(all_of, key=_MOST_ACTIONABLE.index)

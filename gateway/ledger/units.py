"""What may happen to a bucket: one function for each event of domain facts 6.2, each giving the entry to post.

Each takes the bucket with its balance as it is under the bucket's lock, and raises BalanceShort where an account does
not hold enough: nothing here makes an account negative. The id comes from the kind, the bucket and ``key``, the
caller's name of the cause; whether an entry is a repeat is asked by ``id_of`` before it is worked out again.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from gateway.domain.authorization import Unit
from gateway.errors import BalanceShort
from gateway.ledger.entry import Account, Balance, Bucket, Cause, Entry, Posting, entry_id

COMMITTABLE = (Account.RENDERED, Account.RESERVED, Account.AVAILABLE)
LATE = (*COMMITTABLE, Account.EXPIRED)
FREE = (Account.AVAILABLE, Account.EXPIRED)  # What nobody has booked, now or after the window's end.

_WORDS = {Unit.VISIT: "visits", Unit.UNIT: "units", Unit.MINUTE: "minutes", Unit.DAY: "days"}


def id_of(kind: str, bucket: str, key: str) -> str:
    """The id that the entry of this kind has for a bucket and a cause, known before it is worked out."""
    return entry_id(kind, bucket, key)


def request(bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str) -> Entry:
    """A 278 went out: a memo of what it asks for."""
    return _move("request", bucket, balance, quantity, Account.MEMO, Account.REQUESTED, cause, holds_on, key)


def grant(
    bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str, note: str = ""
) -> Entry:
    """The payer certified, or raised, this quantity (HCR01 A1, A2, A6; a correction upwards; an extension)."""
    return _move("grant", bucket, balance, quantity, Account.GRANT, Account.AVAILABLE, cause, holds_on, key, note=note)


def reserve(
    bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str, visit_key: str = ""
) -> Entry:
    """An appointment was booked."""
    return _draw(
        "reserve", bucket, balance, quantity, [Account.AVAILABLE], Account.RESERVED, cause, holds_on, key, visit_key
    )


def unreserve(
    bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str, visit_key: str = ""
) -> Entry:
    """An appointment was cancelled, or the patient did not come."""
    source, target = Account.RESERVED, Account.AVAILABLE
    return _move("unreserve", bucket, balance, quantity, source, target, cause, holds_on, key, visit_key)


def render(
    bucket: Bucket,
    balance: Balance,
    quantity: int,
    *,
    cause: Cause,
    holds_on: date,
    key: str,
    visit_key: str = "",
    own: Mapping[Account, int] | None = None,
    late: bool = False,
) -> Entry:
    """The visit took place: from what was reserved, and what that lacks from what is available.

    ``own`` is what this visit itself has reserved; without it all that is reserved may be taken. With ``late``,
    EXPIRED is drawn on last: the visit lay inside of the window, and was told of after its end.
    """
    sources = (Account.RESERVED, *(FREE if late else FREE[:1]))
    held = balance if own is None else _capped(balance, own)
    return _draw("render", bucket, held, quantity, sources, Account.RENDERED, cause, holds_on, key, visit_key)


def retract(
    bucket: Bucket,
    balance: Balance,
    quantity: int,
    *,
    source: Account = Account.RENDERED,
    cause: Cause,
    holds_on: date,
    key: str,
    visit_key: str = "",
) -> Entry:
    """A visit that was told to have taken place did not: RENDERED, or UNCOVERED, is taken back."""
    target = Account.AVAILABLE if source is Account.RENDERED else Account.UNAUTHORIZED
    return _move("retract", bucket, balance, quantity, source, target, cause, holds_on, key, visit_key)


def commit(
    bucket: Bucket,
    balance: Balance,
    quantity: int,
    *,
    cause: Cause,
    holds_on: date,
    key: str,
    visit_key: str = "",
    late: bool = False,
    own: Mapping[Account, int] | None = None,
) -> Entry:
    """The 837P went out: from RENDERED, else RESERVED, else AVAILABLE.

    ``own`` is what the billed visit itself has rendered or reserved; without it all of it may be taken. With
    ``late``, EXPIRED is drawn on last: the window's end blocks later dates of service, not later claims, so the
    caller has seen that this date of service lies inside.
    """
    sources = LATE if late else COMMITTABLE
    held = balance if own is None else _capped(balance, own)
    return _draw("commit", bucket, held, quantity, sources, Account.COMMITTED, cause, holds_on, key, visit_key)


def release(
    bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str, visit_key: str = ""
) -> Entry:
    """A 999 or 277CA refused the claim, or the 835 denied it for a reason that uses nothing up."""
    source, target = Account.COMMITTED, Account.AVAILABLE
    return _move("release", bucket, balance, quantity, source, target, cause, holds_on, key, visit_key)


def consume(
    bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str, visit_key: str = ""
) -> Entry:
    """The 835 allowed it."""
    source, target = Account.COMMITTED, Account.CONSUMED
    return _move("consume", bucket, balance, quantity, source, target, cause, holds_on, key, visit_key)


def reverse(
    bucket: Bucket,
    balance: Balance,
    quantity: int,
    *,
    cause: Cause,
    holds_on: date,
    key: str,
    visit_key: str = "",
    reverses: str = "",
) -> Entry:
    """The payer took an adjudication back (CLP02 22); the corrected claim payment decides anew. ``reverses`` is the
    id of the entry that had consumed it."""
    source, target = Account.CONSUMED, Account.COMMITTED
    return _move("reverse", bucket, balance, quantity, source, target, cause, holds_on, key, visit_key, reverses)


def take_back(
    bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str, visit_key: str = ""
) -> Entry:
    """The payer took back what it had paid beside the grant: it is uncovered no longer."""
    source, target = Account.UNCOVERED, Account.UNAUTHORIZED
    return _move("reverse", bucket, balance, quantity, source, target, cause, holds_on, f"{key}/uncovered", visit_key)


def expire(bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str) -> Entry:
    """The window has ended. ``holds_on`` lies behind it."""
    assert bucket.ends_on is not None, "a window without an end does not expire"
    assert holds_on > bucket.ends_on, "the last day of a window still counts"
    return _move("expire", bucket, balance, quantity, Account.AVAILABLE, Account.EXPIRED, cause, holds_on, key)


def give_back(
    bucket: Bucket, balance: Balance, quantity: int, *, cause: Cause, holds_on: date, key: str, note: str = ""
) -> Entry:
    """The payer lowered or cancelled the certification. What is in use already is short: an alarm, never negative."""
    source, target = Account.AVAILABLE, Account.RETURNED
    return _move("return", bucket, balance, quantity, source, target, cause, holds_on, key, note=note)


def uncovered(
    bucket: Bucket, quantity: int, *, cause: Cause, holds_on: date, key: str, reason: str, visit_key: str = ""
) -> Entry:
    """Something took place with nothing left, and a person said why: it is counted beside the grant."""
    assert reason, "an override says why"
    posting = Posting(bucket.id, Account.UNAUTHORIZED, Account.UNCOVERED, quantity)
    return _entry("uncovered", bucket, (posting,), cause, holds_on, key, visit_key=visit_key, note=reason)


def cover(
    bucket: Bucket,
    balance: Balance,
    quantity: int,
    *,
    owed: Bucket,
    owed_balance: Balance,
    owed_quantity: int | None = None,
    cause: Cause,
    holds_on: date,
    key: str,
    visit_key: str = "",
) -> Entry:
    """A later authorization covers what ``owed`` counts as uncovered; its grant is posted on its own before.
    ``owed_quantity`` is what is owed there, where the two count in different units."""
    owing = quantity if owed_quantity is None else owed_quantity
    _have(owed, owed_balance, [Account.UNCOVERED], owing)
    drawn = _postings(bucket, balance, quantity, [Account.AVAILABLE], Account.RENDERED)
    settled = Posting(owed.id, Account.UNCOVERED, Account.UNAUTHORIZED, owing)
    return _entry("cover", bucket, (*drawn, settled), cause, holds_on, key, visit_key=visit_key)


def transfer(
    bucket: Bucket,
    balance: Balance,
    quantity: int,
    *,
    to: Bucket,
    cause: Cause,
    holds_on: date,
    key: str,
    note: str = "",
    expired: bool = False,
) -> Entry:
    """A plan change or continuity of care: what is left here is granted there. With ``expired``, so is what was left
    when the window ended: the payer moved its end."""
    assert bucket.unit is to.unit, "a quantity keeps its unit"
    assert bucket.id != to.id, "a transfer has two ends"
    moved = _postings(bucket, balance, quantity, FREE if expired else FREE[:1], Account.MOVED)
    given = Posting(to.id, Account.GRANT, Account.AVAILABLE, quantity)
    return _entry("transfer", bucket, (*moved, given), cause, holds_on, key, note=note)


def opening(bucket: Bucket, granted: int, used: int, *, cause: Cause, holds_on: date, key: str, note: str) -> Entry:
    """What an authorization stands at on the day that a clinic starts with us; ``note`` says where that is from."""
    assert 0 <= used <= granted, "no more is used than was granted"
    postings = [Posting(bucket.id, Account.GRANT, Account.AVAILABLE, granted)]
    if used:
        postings.append(Posting(bucket.id, Account.AVAILABLE, Account.CONSUMED, used))
    return _entry("opening", bucket, tuple(postings), cause, holds_on, key, note=note)


def _move(
    kind: str,
    bucket: Bucket,
    balance: Balance,
    quantity: int,
    source: Account,
    target: Account,
    cause: Cause,
    holds_on: date,
    key: str,
    visit_key: str = "",
    reverses: str = "",
    note: str = "",
) -> Entry:
    if source not in (Account.GRANT, Account.MEMO):
        _have(bucket, balance, [source], quantity)
    posting = Posting(bucket.id, source, target, quantity)
    return _entry(kind, bucket, (posting,), cause, holds_on, key, visit_key=visit_key, reverses=reverses, note=note)


def _draw(
    kind: str,
    bucket: Bucket,
    balance: Balance,
    quantity: int,
    sources: Sequence[Account],
    target: Account,
    cause: Cause,
    holds_on: date,
    key: str,
    visit_key: str,
) -> Entry:
    postings = _postings(bucket, balance, quantity, sources, target)
    return _entry(kind, bucket, postings, cause, holds_on, key, visit_key=visit_key)


def _postings(
    bucket: Bucket, balance: Balance, quantity: int, sources: Sequence[Account], target: Account
) -> tuple[Posting, ...]:
    """Empties the sources in their order; a bucket without a finite grant draws what they lack from the payer."""
    held = {each: balance.get(each, 0) for each in sources}
    postings = []
    lacking = quantity - sum(held.values())
    if lacking > 0 and not bucket.limited and Account.AVAILABLE in held:
        postings.append(Posting(bucket.id, Account.GRANT, Account.AVAILABLE, lacking))
        held[Account.AVAILABLE] += lacking
    else:
        _have(bucket, balance, sources, quantity)
    for source, amount in held.items():
        taken = min(quantity, amount)
        if taken > 0:
            postings.append(Posting(bucket.id, source, target, taken))
            quantity -= taken
    return tuple(postings)


def _capped(balance: Balance, own: Mapping[Account, int]) -> Balance:
    """The balance as one visit sees it: what others have booked or rendered is not its to take."""
    return {
        account: min(quantity, own.get(account, 0)) if account in (Account.RESERVED, Account.RENDERED) else quantity
        for account, quantity in balance.items()
    }


def _have(bucket: Bucket, balance: Balance, sources: Sequence[Account], quantity: int) -> None:
    held = sum(balance.get(each, 0) for each in sources)
    if held < quantity:
        names = " and ".join(sources)
        raise BalanceShort(
            f"{quantity} {_WORDS[bucket.unit]} are needed, {names} hold {held}",
            where=f"bucket {bucket.id}",
            fix="Ask the payer for more, or record it as uncovered with a reason",
        )


def _entry(
    kind: str,
    bucket: Bucket,
    postings: tuple[Posting, ...],
    cause: Cause,
    holds_on: date,
    key: str,
    *,
    visit_key: str = "",
    reverses: str = "",
    note: str = "",
) -> Entry:
    return Entry(
        id=id_of(kind, bucket.id, key),
        kind=kind,
        holds_on=holds_on,
        cause=cause,
        postings=postings,
        visit_key=visit_key,
        reverses=reverses,
        note=note,
    )

"""``as2 messages`` and ``as2 refusals``: what went over AS2, and what was not let in. Changes nothing."""

from gateway.cli.output import emit, table
from gateway.flow.as2_audit import EVENT, NOBODY
from gateway.flow.house import House
from gateway.settings import As2Transport

REFUSALS = (EVENT, "message.turned_down")


def show_messages(house: House, partner: str, limit: int, *, as_json: bool) -> int:
    """The latest of them, both ways; a Message-ID is what partners know a message by."""
    with house.reading() as tx:
        found = tx.as2_messages.list(partner=partner or None, limit=limit, latest=True)
    rows = [
        {
            "at": f"{each.recorded_at:%Y-%m-%dT%H:%M:%SZ}",
            "direction": each.direction,
            "partner": each.partner,
            "state": each.state,
            "attempts": each.attempts,
            "message_id": each.message_id,
            "document": each.document,
            "reason": each.reason,
        }
        for each in found
    ]
    if as_json:
        emit(rows, "", as_json=True)
    else:
        columns = ("at", "", "partner", "state", "times", "Message-ID", "document", "reason")
        table("AS2 messages", columns, [tuple(each.values()) for each in rows])
    return 0


def show_refusals(house: House, limit: int, *, as_json: bool) -> int:
    """The latest in the trail of each AS2 partner, and of strangers; what came too often is counted there."""
    named = house.settings.partners.values()
    subjects = [NOBODY, *(each.name for each in named if isinstance(each.transport, As2Transport))]
    with house.reading() as tx:
        events = [each for subject in subjects for each in tx.events.of(subject) if each.what in REFUSALS]
    events.sort(key=lambda each: each.recorded_at)
    rows = [
        {
            "at": f"{each.recorded_at:%Y-%m-%dT%H:%M:%SZ}",
            "partner": "" if each.subject == NOBODY else each.subject,
            "reason": each.detail.get("why") or each.detail.get("reason", ""),
            "count": each.detail.get("count", 1),
            "address": each.detail.get("address", ""),
            "message": each.detail.get("message", ""),
        }
        for each in events[-limit:]
    ]
    if as_json:
        emit(rows, "", as_json=True)
    else:
        columns = ("at", "in whose name", "reason", "count", "last from", "message")
        in_words = [{**each, "reason": str(each["reason"]).replace("_", " ")} for each in rows]
        table("refused over AS2", columns, [tuple(each.values()) for each in in_words])
    return 0

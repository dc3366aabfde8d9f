"""AS2 restart: a large message that was cut off goes on where it stopped, where the far side can."""

from pathlib import Path

from as2_company import LARGE, REFERENCE, Company, company, proves
from as2_server import Exchange

from gateway.transport.as2 import message_id
from gateway.transport.base import Proof, Sent

__all__ = ["company"]


class Restarting:
    """A server that keeps what was cut off: it stops reading each post after so many bytes, and then never more."""

    def __init__(self, company: Company, *stops: int | None, forgets: bool = False) -> None:
        self.company = company
        self.stops = list(stops)
        self.kept: dict[str, bytes] = {}
        self.forgets = forgets
        self.ranges: list[str] = []

    def __call__(self, exchange: Exchange) -> None:
        tag = exchange.get("ETag")
        if exchange.method == "HEAD":
            known = tag in self.kept and not self.forgets
            exchange.answer(200 if known else 404, {"Content-Length": str(len(self.kept[tag]) if known else 0)})
            return
        self.ranges.append(exchange.get("Content-Range"))
        first = int(self.ranges[-1].split()[1].split("-")[0]) if self.ranges[-1] else 0
        assert first == len(self.kept.get(tag, b""))
        stop = self.stops.pop(0)
        exchange.read(stop)
        self.kept[tag] = self.kept.get(tag, b"") + exchange.body
        if stop is not None:
            exchange.cut()
            return
        exchange.body = self.kept[tag]
        self.company.answers()(_whole(exchange))


def _whole(exchange: Exchange) -> Exchange:
    exchange.read = lambda size=None: b""  # type: ignore[method-assign]
    return exchange


def test_restart_takes_up_a_large_message_where_it_was_cut(company: Company, tmp_path: Path) -> None:
    waits: list[float] = []
    there = Restarting(company, 1_000_000, 500_000, None)
    company.site.then(there)
    outcome = company.send(LARGE, restart=True, wait=waits.append, spool=tmp_path)
    assert (outcome.state, proves(outcome)) == (Sent.DELIVERED, Proof.RECEIVED)
    assert company.taken[0].parts[0].open().read() == LARGE
    total = len(next(iter(there.kept.values())))
    assert there.ranges == ["", f"bytes 1000000-{total - 1}/{total}", f"bytes 1500000-{total - 1}/{total}"]
    assert waits == [1.0, 1.0]
    heads = [each for each in company.site.seen if each.method == "HEAD"]
    assert {each.get("Message-ID") for each in company.site.seen} == {message_id(REFERENCE)}
    assert all(each.get("AS2-From") == "NORTHSIDE" and each.get("ETag") for each in heads)
    assert list(tmp_path.iterdir()) == []


def test_restart_is_used_where_the_partner_announced_it(company: Company) -> None:
    announced: set[str] = set()

    def announcing(exchange: Exchange) -> None:
        exchange.more = {"EDIINT-Features": "multiple-attachments, AS2-Restart"}
        company.answers()(exchange)

    company.site.then(announcing)
    assert company.send(announced=announced).state is Sent.DELIVERED
    assert announced == {"exampleclear"}
    assert company.site.seen[0].get("ETag") == ""
    company.site.then(Restarting(company, 1_000_000, None))
    assert company.send(LARGE, announced=announced, wait=lambda _: None).state is Sent.DELIVERED


def test_restart_is_not_tried_where_nobody_spoke_of_it(company: Company) -> None:
    company.site.then(Restarting(company, 1_000_000, None))
    assert company.send(LARGE).state is Sent.UNKNOWN
    assert [each.method for each in company.site.seen] == ["POST"]


def test_restart_of_what_is_small_is_not_worth_it(company: Company) -> None:
    company.site.then(Restarting(company, 10))
    assert company.send(restart=True).state is Sent.UNKNOWN
    assert [each.method for each in company.site.seen] == ["POST"]


def test_restart_gives_up_where_the_far_side_has_forgotten(company: Company) -> None:
    company.site.then(Restarting(company, 1_000_000, forgets=True))
    assert company.send(LARGE, restart=True, wait=lambda _: None).state is Sent.UNKNOWN
    assert [each.method for each in company.site.seen] == ["POST", "HEAD"]


def test_restart_gives_up_where_nothing_more_arrives(company: Company) -> None:
    waits: list[float] = []
    there = Restarting(company, 1_000_000, 0, 0, 0, 0, 0, 0)
    company.site.then(there)
    assert company.send(LARGE, restart=True, wait=waits.append).state is Sent.UNKNOWN
    assert waits == [1.0, 1.0, 2.0, 4.0, 8.0]

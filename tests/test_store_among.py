"""One of many values, as one parameter: the same rows as a list would find, and by the index."""

import pytest
import sqlalchemy as sa
from store_samples import claim

from gateway.store import Scope, Store
from gateway.store.among import among
from gateway.store.schema import claims, postings

SYSTEM = Scope.system("test")
FOUND = sa.select(claims.c.control_number).where(among(claims.c.control_number)).order_by(claims.c.control_number)
GROUPED = (
    sa.select(postings.c.bucket, sa.func.sum(postings.c.quantity))
    .where(among(postings.c.bucket))
    .group_by(postings.c.bucket, postings.c.source, postings.c.target)
)


@pytest.mark.parametrize("wanted", [[], ["NOSUCH"], ["one", "NOSUCH"], ["one", "two", "two"]])
def test_it_finds_what_a_list_finds(store: Store, wanted: list[str]) -> None:
    numbers = {"one": claim(1).control_number, "two": claim(2).control_number}
    asked = [numbers.get(each, each) for each in wanted]
    with store.transaction(SYSTEM) as tx:
        for each in (claim(1), claim(2), claim(3)):
            tx.claims.add(each, partner="p", digest="d")
        found = tx.run(FOUND, {"wanted": asked}).scalars().all()
        by_list = sa.select(claims.c.control_number).where(claims.c.control_number.in_(asked))
        assert sorted(tx.run(by_list).scalars()) == list(found)
        assert list(found) == sorted(set(asked) & set(numbers.values()))


def test_a_value_is_never_part_of_the_statement(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        assert tx.run(FOUND, {"wanted": ["') OR 1=1 --", '"]', "\\"]}).all() == []


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("statement", [FOUND, GROUPED], ids=["plain", "grouped"])
def test_sqlite_looks_into_the_index(store: Store, statement: sa.Select[tuple[str]]) -> None:
    """Without statistics, too: a look-up that scans takes as long as everything that was ever posted."""
    text = str(statement.compile(store.engine))
    with store.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", ("[]",)).all()
    steps = [row[3] for row in plan if "json_each" not in row[3]]
    assert any(step.startswith("SEARCH") for step in steps), steps
    assert not any(step.startswith("SCAN") for step in steps), steps

"""Whether two records are about one person: numbers and names are typed by hand, and a number may be a family's."""

from gateway.domain.parties import Person, Subscriber


def same_member(one: Subscriber, other: Subscriber) -> bool:
    """Whether both have one member number, however it was typed."""
    return one.member_id.strip().casefold() == other.member_id.strip().casefold()


def one_person(one: Person, other: Person) -> bool:
    """By birth date and first name, as far as both are known: a plan's number may be a whole family's."""
    names = {first_name(one), first_name(other)} - {""}
    dates = {each.born for each in (one, other)} - {None}
    return len(names) <= 1 and len(dates) <= 1


def first_name(person: Person) -> str:
    """The first of the given names, as two of them are compared; "" where none is known."""
    return "".join(person.first.casefold().split()[:1])

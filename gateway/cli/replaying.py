"""``replay``: shows that everything that came in leads to the same books again."""

from dataclasses import asdict

from gateway.cli.output import emit, say, table
from gateway.flow.house import House
from gateway.flow.replay import PASSED, replay

SHOWN_MAX = 20


def show_replay(house: House, *, as_json: bool) -> int:
    """1 where the books differ."""
    done = replay(house)
    if as_json:
        emit({**asdict(done), "same": not done.differing}, "", as_json=True)
        return 1 if done.differing else 0
    rows = [(name, count, "") for name, count in sorted(done.inputs.items())]
    rows += [(name, count, f"passed over: {PASSED[name]}") for name, count in sorted(done.passed.items())]
    table("inputs", ("name", "count", ""), rows)
    table("books", ("table", "rows alike"), list(done.alike.items()))
    if done.otherwise:
        say(f"{done.otherwise} inputs were decided under other settings than today's.")
    for name, key in done.differing[:SHOWN_MAX]:
        say(f"{name} {key}: not the same. Look it up with gateway trace, and compare it with its document")
    if len(done.differing) > SHOWN_MAX:
        say(f"and {len(done.differing) - SHOWN_MAX} more; --json shows all")
    print("both books come out the same" if not done.differing else f"{len(done.differing)} rows differ")
    return 1 if done.differing else 0

"""Drafts of records: the same slots without the lock, so that a record can be filled field by field and then closed.

A frozen record's own constructor takes the long way for each field (``object.__setattr__``), about ten times as long.
Whoever fills a draft sets every slot, then closes it and lets it check itself, as the constructor would::

    one = draft(PaidLine)()
    one.procedure = ...
    one.__class__ = PaidLine  # from here on frozen
    one.__post_init__()  # where the record has one

Only generated code does this (``gateway/translate/frames.py``): it knows from the dataclass that no slot is left out.
"""

from functools import cache


@cache
def draft(kind: type) -> type:
    """The draft of a frozen record with slots; a record of another layout is our own mistake."""
    slots: tuple[str, ...] = kind.__dict__["__slots__"]
    assert kind.__bases__ == (object,), "a draft has the slots of one class alone"
    return type(f"Draft{kind.__name__}", (), {"__slots__": slots})

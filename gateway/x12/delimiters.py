"""Finds the delimiters of an interchange in its ISA, however badly that is padded."""

from gateway.x12.tree import Delimiters

ISA_ELEMENTS = 16
ISA_LENGTH_MAX = 512  # A sound ISA has 106 characters; a badly padded one is shorter or a little longer.
REPETITION_SINCE = "00402"  # ISA11 named the control standards before that version, always "U".
BLANKS = b" \t\r\n"
FILLERS = b" \t\r\n\x00\x1a"  # Between interchanges also the padding of fixed-size records and the end mark of DOS.


def sniff(head: bytes, *, last: bool) -> Delimiters | str | None:
    """The delimiters of the ISA that ``head`` begins with, None while that is too short, or what is wrong with it.

    The ISA is found by its sixteen separators, not by its length, for real ones are badly padded.
    """
    if len(head) < 4:
        return "the document does not hold a whole ISA segment" if last else None
    element = head[3:4]
    if element.isalnum() or element in FILLERS or element[0] >= 0x80:
        return "ISA is not followed by an element separator"
    parts = head.split(element, ISA_ELEMENTS)
    if len(parts) <= ISA_ELEMENTS:
        return "the document does not hold a whole ISA segment" if last else None
    if any(len(part) > 40 or (b"GS" in part and b"\n" in part) for part in parts[:ISA_ELEMENTS]):
        return "ISA does not have sixteen elements"
    tail = parts[ISA_ELEMENTS]
    following = tail[1:].lstrip(BLANKS)
    if not following and not last:
        return None
    component, terminator = tail[:1], tail[1:2]
    if terminator and terminator in b"\r\n" and following and not following[:1].isalnum() and following[:1] != element:
        terminator = following[:1]  # The terminator stands at the start of the next line.
    elif terminator.isalnum() and not component.isalnum():
        component, terminator = b"", component  # ISA16 is empty.
    if not terminator or terminator.isalnum() or terminator in (element, component, b" ") or terminator[0] >= 0x80:
        return "no segment terminator follows ISA16"
    if component.isalnum() or component == element or component.isspace() or component[:1] >= b"\x80":
        return "ISA16 is not a component separator"
    repetition = parts[11].strip(BLANKS)
    usable = len(repetition) == 1 and not repetition.isalnum() and repetition < b"\x80"
    if not usable or repetition in (component, terminator) or parts[12].strip(BLANKS) < REPETITION_SINCE.encode():
        repetition = b""
    after = tail[tail.index(terminator) + 1 :]
    if not after.strip(BLANKS) and not last:
        return None  # The line end is not whole yet.
    line_end = after[: len(after) - len(after.lstrip(b"\r\n"))][:2]
    return Delimiters(
        element=element.decode(),
        component=component.decode(),
        repetition=repetition.decode(),
        terminator=terminator.decode(),
        line_end=line_end.decode(),
    )

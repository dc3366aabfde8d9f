"""AS2 names and message ids as they stand in headers. RFC 4130, 6.2; RFC 5322, 3.6.4."""

import re

AS2_NAME_MAX = 128
MESSAGE_ID_MAX = 997
"""RFC 4130, 5.3.3: a sender should stay below 256, and may fill a line, which has 998 with the space of its fold."""

_ESCAPED = re.compile(r"\\(.)")


def quoted(name: str) -> str:
    """An AS2 name as a header value; quoted where it must be."""
    if re.fullmatch(r"[!-~]+", name) and not set(name) & set('"\\'):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(value: str) -> str:
    """The AS2 name that a header value stands for, quoted or not."""
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _ESCAPED.sub(r"\1", value[1:-1])
    return value


def name_fault(name: str) -> str:
    """Why this is no AS2 name, in words; "" where it is one. Names are told apart by case."""
    if not name.strip():
        return "it is empty"
    if len(name) > AS2_NAME_MAX:
        return f"it is longer than {AS2_NAME_MAX} characters"
    return "" if re.fullmatch(r"[ -~]+", name) else "it has a character that is not printable ASCII"


def bare_id(message_id: str) -> str:
    """A message id without its brackets, to compare two."""
    return message_id.strip().removeprefix("<").removesuffix(">").strip()


def message_id_fault(message_id: str) -> str:
    """Why this is no message id, in words; "" where it is one.

    One with spaces counts: some products put both AS2 names into it, which may have them.
    """
    if not bare_id(message_id):
        return "it is empty"
    if len(message_id) > MESSAGE_ID_MAX:
        return f"it is longer than {MESSAGE_ID_MAX} characters"
    return "" if re.fullmatch(r"[ -~]+", message_id) else "it has a character that is not printable ASCII"

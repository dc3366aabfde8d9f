"""The name that a sender gives to a part. It is kept in the sealed record and never becomes a path here.

A sender's Windows path in front of a name is taken off; anything that could lead out of a folder, or hide in a list, is
a fault. Names can be a patient's: texts never repeat them.
"""

import re

from gateway.transport.as2.headers import Headers, read_value
from gateway.transport.pickup import NAME_BYTES_MAX, name_fault

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def given_name(headers: Headers) -> str:
    """The name in a part's headers as it stands there; "" where there is none. RFC 2183, 2.3; RFC 2045, 5.1."""
    disposition = read_value(headers.get("Content-Disposition")).get("filename")
    return disposition or read_value(headers.get("Content-Type")).get("name")


def filename_fault(name: str) -> str:
    """Why a part may not carry this name, in words; "" where it may, or has none."""
    if not name:
        return ""
    pieces = re.split(r"[/\\]", name)
    if ".." in pieces:
        return "it leads to another folder"
    if _CONTROL.search(name):
        return "it has a control character"
    return name_fault(pieces[-1])


def cleaned(name: str) -> str:
    """What is left of a name without folders and control characters; "" where that is nothing."""
    last = _CONTROL.sub("", re.split(r"[/\\]", name)[-1]).strip()
    last = last.encode(errors="ignore")[:NAME_BYTES_MAX].decode(errors="ignore")
    return "" if last in (".", "..") else last


def disposition_value(name: str) -> str:
    """A ``Content-Disposition`` that carries a name of ours; RFC 2231 where it is not plain ASCII. It ends no line."""
    name = name.replace("\r", "").replace("\n", "")
    if name.isascii():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'attachment; filename="{escaped}"'
    encoded = "".join(
        chr(each) if chr(each).isascii() and chr(each).isalnum() else f"%{each:02X}" for each in name.encode()
    )
    return f"attachment; filename*=utf-8''{encoded}"

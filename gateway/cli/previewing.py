"""``preview``, and how findings of records look: what blocks first, each with its remedy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli.output import emit
from gateway.flow.house import House

_WEIGHTS = ("block", "warn", "not_evaluated")
_WORDS = {"block": "blocks", "warn": "warns", "not_evaluated": "open"}
_OUTLOOKS = {
    "goes": "would go out",
    "held": "would be held",
    "waits": "would wait for its authorization",
    "split": "would go out as a claim for each authorization",
    None: "was sent before",
}
_BESIDE = (("prevents", "prevents"), ("policy", "policy"), ("source", "source"))


def preview_file(house: House, file: Path, *, as_json: bool) -> int:
    """Shows what would become of a file; keeps and sends nothing. 1 where something blocks."""
    from gateway.cli.intake import read_file
    from gateway.flow.preview import blocks, preview

    data, form = read_file(file)
    result = preview(house, data, form)
    emit(result, "\n".join(_words(result)), as_json=as_json)
    return 1 if blocks(result) else 0


def _words(result: dict[str, Any]) -> Iterator[str]:
    for kind in ("accepted", "repeated"):
        for each in result[kind]:
            told = _OUTLOOKS[each.get("outlook")] if "findings" in each or kind == "repeated" else "would be taken"
            yield f"record {each['index']}  (your {each['client_ref']})  {told}"
            yield from finding_lines(each)
    for kind in ("conflicts", "rejected"):
        for each in result[kind]:
            told = "conflicts with what was taken before" if kind == "conflicts" else "would be rejected"
            yield f"record {each['index']}  (your {each['client_ref'] or '-'})  {told}"
            yield from finding_lines(each)
    yield from (f"{found.get('where', '')}: {found['what']}. {found['fix']}" for found in result["findings"])
    findings = [one for each in (*result["accepted"], *result["repeated"]) for one in each.get("findings", ())]
    counts = {weight: sum(each["severity"] == weight for each in findings) for weight in _WEIGHTS}
    refused = len(result["conflicts"]) + len(result["rejected"])
    yield (
        f"{counts['block']} block, {counts['warn']} warn, {counts['not_evaluated']} not evaluated; "
        f"{refused} would not be taken. Nothing was stored, nothing was sent"
    )


def finding_lines(record: dict[str, Any], *, short: bool = False) -> Iterator[str]:
    """The findings of one record, what weighs most first; ``short`` leaves out what was not evaluated."""
    found = sorted(record.get("findings", ()), key=lambda each: _WEIGHTS.index(each["severity"]))
    for each in found:
        if short and each["severity"] == "not_evaluated":
            continue
        yield f"    {_WORDS[each['severity']]:<7} {each['rule']}  {each.get('where', '')}: {each['what']}"
        yield f"            {each['fix']}"
        if not short:
            beside = [f"{word} {each[key]}" for key, word in _BESIDE if each.get(key)]
            evidence = ", ".join(each.get("evidence", ()))
            yield from (f"            {one}" for one in (*beside, f"rests on {evidence}" if evidence else "") if one)
    if "passed" in record:
        yield f"    {len(record['passed'])} checks passed, {record['not_evaluated']} findings not evaluated"

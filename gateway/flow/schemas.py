"""The JSON Schemas of what a clinic submits, versioned and made from the models that intake judges by."""

from typing import Any

from gateway.errors import GatewayError
from gateway.flow.intake_kinds import KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS = {f"{name}.v1": kind.model for name, kind in KINDS.items()}
NAMES = (*_MODELS, "intake.v1")


def schema(name: str) -> dict[str, Any]:
    """The schema with this name: ``claim.v1`` and so on for a type of record, or ``intake.v1`` for a whole file.

    Raises GatewayError where there is none. It states one form of each value, of which intake takes a few spellings
    more; a record that it accepts can still have mistakes that only show when values are seen together.
    """
    if name in _MODELS:
        return {"$schema": DIALECT, "$id": f"urn:therapy-gateway:{name}", **_MODELS[name].model_json_schema()}
    if name == "intake.v1":
        return {"$schema": DIALECT, "$id": f"urn:therapy-gateway:{name}", **_file()}
    raise GatewayError("there is no such schema", fix=f"Ask for one of {', '.join(NAMES)}")


def _file() -> dict[str, Any]:
    record = {"anyOf": [{"$ref": f"urn:therapy-gateway:{name}"} for name in _MODELS]}
    records = {"type": "array", "items": record, "minItems": 1}
    envelope = {
        "type": "object",
        "properties": {"schema": {"const": "intake.v1"}, "records": records},
        "required": ["records"],
        "additionalProperties": False,
    }
    return {"title": "Records for the gateway", "anyOf": [envelope, records, record]}

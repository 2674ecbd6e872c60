"""How is the REST API described to a machine? ``python -m agentops.server.api.openapi > openapi.json``."""

import re
import sys
from typing import Any, Final

import msgspec

from agentops.server import schemas
from agentops.server.api.endpoints import ENDPOINTS, PREFIX, Endpoint, Parameter

__all__ = ["document"]

_STATUSES: Final = {
    "400": "A parameter was not understood",
    "401": "The browser token is missing or wrong",
    "404": "There is no such thing",
    "409": "A prefix fits more than one session",
    "503": "The storage cannot answer now; Retry-After says when to ask again",
}


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document as plain data; the same for the same version of the server."""
    answers = [endpoint.answer for endpoint in ENDPOINTS if endpoint.answer is not None]
    types = [*answers, schemas.ErrorAnswer, schemas.SpanBatch]
    _, components = msgspec.json.schema_components(
        types, schema_hook=_any_json, ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AgentOps",
            "version": "1",
            "description": "Sessions, spans and events of the AgentOps backend.",
        },
        "paths": {PREFIX + e.path: {"get": _operation(e)} for e in ENDPOINTS},
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "agentops_token"},
            },
        },
    }


def _any_json(kind: type) -> dict[str, Any]:
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON value"}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if endpoint.answer is not None:
        schema = {"$ref": f"#/components/schemas/{endpoint.answer.__name__}"}
    failure = {"$ref": "#/components/schemas/ErrorAnswer"}
    failures = {
        status: {"description": text, "content": {"application/json": {"schema": failure}}}
        for status, text in _STATUSES.items()
    }
    paths = re.findall(r"{(\w+)}", endpoint.path)
    return {
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "security": [{"bearer": []}, {"cookie": []}] if endpoint.scope == "read" else [],
        "parameters": [*map(_path_parameter, paths), *map(_query_parameter, endpoint.parameters)],
        "responses": {
            "200": {
                "description": endpoint.summary,
                "content": {endpoint.content_type: {"schema": schema}},
            },
            **failures,
        },
    }


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type}
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.description,
        "schema": schema,
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n")

import json
import re
import subprocess
import sys
from pathlib import Path

from agentops.server.api import openapi
from agentops.server.api.endpoints import ENDPOINTS, PREFIX
from agentops.server.query.filter import MATCHES, NUMBERS


def test_document_describes_every_endpoint_and_resolves_every_reference():
    text = json.dumps(openapi.document())
    document = json.loads(text)

    assert {PREFIX + e.path for e in ENDPOINTS} == set(document["paths"])
    names = set(document["components"]["schemas"])
    referenced = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referenced - names == set()
    assert {"SessionRow", "SpanBatch", "ErrorAnswer"} <= names


def test_path_parameters_are_declared_once_each():
    for path, item in openapi.document()["paths"].items():
        declared = [p["name"] for p in item["get"]["parameters"] if p["in"] == "path"]

        assert path.count("{") == len(declared) == len(set(declared))


def test_module_prints_the_same_document():
    printed = subprocess.run(
        [sys.executable, "-m", "agentops.server.api.openapi"], capture_output=True, check=True
    ).stdout

    assert json.loads(printed) == json.loads(json.dumps(openapi.document()))


def test_every_endpoint_and_every_filter_key_stands_in_the_reference():
    root = Path(__file__).resolve().parents[4]
    text = (root / "docs/reference/rest-api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(/[^`]*)` \|", text, re.MULTILINE)

    assert [endpoint.path for endpoint in ENDPOINTS] == listed
    assert all(f"`{key}:" in text for key in MATCHES)
    assert all(re.search(rf"`{key}[<>]", text) for key in NUMBERS)

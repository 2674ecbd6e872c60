"""Receivers that cannot be trusted, seen from outside. Numbers are those of the fault catalogue.

Proven elsewhere, with a program's own objects: redirects, proxies (S67), peers that vanish (S68) in
``tests/unit/telemetry/exporters/test_transport.py``; tokens that expire (S66) in ``test_agentops.py`` beside it.
"""

import ssl
from datetime import datetime, timedelta, timezone

import pytest
import trustme
from support.collector import Collector

PAST = datetime.now(tz=timezone.utc) - timedelta(days=1)
CASES = {
    "right": {},
    "self-signed": {"is_known": False},
    "wrong host": {"name": "elsewhere.example"},
    "expired": {"not_after": PAST},
}


@pytest.mark.parametrize("case", CASES)
def test_s61_nothing_is_sent_to_a_receiver_that_cannot_prove_who_it_is(host, tmp_path, case):
    settings = dict(CASES[case])
    is_known = settings.pop("is_known", True)
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = (authority if is_known else stranger).issue_cert(
        settings.pop("name", "127.0.0.1"), **settings
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)

    with Collector(tls=context) as receiver:
        exporter = {"type": "otlp", "endpoint": receiver.url, "certificate_file": str(bundle)}
        body = f"""
        import agentops
        start(exporters=[{exporter!r}]); call(0)
        tried = lambda: sum(d.retried + d.sent for d in agentops.get_client().telemetry.stats().destinations.values())
        for _ in range(100):
            if agentops.flush(200) or tried(): break
        """
        ended = host(body).end()

        assert 0 == ended.status, ended.err
        assert "Traceback" not in ended.err
        assert (case == "right") == bool(receiver.requests)
        assert (case != "right") == ("(tls)" in ended.err)


def test_opentelemetry_variables_alone_lead_to_a_receiver_that_wants_to_know_who_comes(
    host, tmp_path
):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    mine = authority.issue_cert("client.example")
    files = {name: str(tmp_path / f"{name}.pem") for name in ("authority", "certificate", "key")}
    authority.cert_pem.write_to_path(files["authority"])
    mine.cert_chain_pems[0].write_to_path(files["certificate"])
    mine.private_key_pem.write_to_path(files["key"])

    with Collector(tls=context) as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/the/very/path",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": files["authority"],
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": files["certificate"],
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": files["key"],
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-tenant=seven%20of%20nine",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_SERVICE_NAME": "named",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,team=a%2Cb",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "900",
        }
        ended = host(
            "import agentops; agentops.init(); call(0, 'x' * 5_000)\n"
            "for _ in range(100):\n    if flush(): break\n",
            **variables,
        ).end()

        assert (0, "") == (ended.status, ended.err)
        [request] = [each for each in receiver.requests if b"chat m-0" in each.data]
        assert ("/the/very/path", "gzip", "seven of nine") == (
            request.path,
            request.headers["content-encoding"],
            request.headers["x-tenant"],
        )
        [told] = request.message()["resourceSpans"]
        who = {each["key"]: each["value"] for each in told["resource"]["attributes"]}
        assert ("named", "a,b") == (who["service.name"]["stringValue"], who["team"]["stringValue"])
        texts = [
            each["value"].get("stringValue", "")
            for span in told["scopeSpans"][0]["spans"]
            for each in span["attributes"]
        ]
        assert 900 < max(map(len, texts)) < 1_100  # with the note that it was cut

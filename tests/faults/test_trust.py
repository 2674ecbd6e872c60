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

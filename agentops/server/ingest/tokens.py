"""Which tokens does the backend hand out? JSON Web Tokens, RFC 7519, signed with HS256 and nothing else.

They only tie requests to a session or project; who may send is decided by ``access.py``.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from agentops.clock import now_ns
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.values import Value

__all__ = ["issue", "verify"]

_HEADER: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
_TOKEN_CHARS_MAX: Final = 4096


def issue(secret: bytes, audience: str, claims: Mapping[str, Value], seconds: int) -> str:
    """Return a signed token for ``audience`` that is good for so many seconds."""
    expiry = now_ns() // 1_000_000_000 + seconds
    body = msgspec.json.encode({**claims, "aud": audience, "exp": expiry})
    signed = _HEADER + b"." + base64.urlsafe_b64encode(body).rstrip(b"=")
    return (signed + b"." + _signature(secret, signed)).decode()


def verify(secret: bytes, audience: str, token: str) -> dict[str, Value]:
    """Return the claims of a token that this installation issued for ``audience``.

    Raises:
        Refusal: 401, it is not ours, is for something else, or is no longer good.
    """
    signed, _, signature = token[:_TOKEN_CHARS_MAX].encode("ascii", "replace").rpartition(b".")
    header, _, body = signed.partition(b".")
    if header != _HEADER or not hmac.compare_digest(signature, _signature(secret, signed)):
        raise Refusal(401, "Invalid Token")
    claims: dict[str, Value] = msgspec.json.decode(base64.urlsafe_b64decode(body + b"=="))
    if claims.get("aud") != audience:
        raise Refusal(401, "Invalid Token")
    if claims["exp"] * 1_000_000_000 < now_ns():
        raise Refusal(401, "Expired Token")
    return claims


def _signature(secret: bytes, signed: bytes) -> bytes:
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=")

"""Which tokens does the backend hand out? JSON Web Tokens, RFC 7519, signed with HS256 and nothing else.

They only tie requests to a session or project; who may send is decided by ``access.py``.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from agentops.clock import now_ns
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.values import Value

__all__ = ["SECRET_BYTES", "issue", "load_secret", "verify"]

SECRET_BYTES: Final = 32
_HEADER: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
_TOKEN_CHARS_MAX: Final = 4096


def load_secret(path: Path) -> bytes:
    """Return the signing key of this installation; make it, readable by its owner only, if it is missing.

    Raises:
        ValueError: The file holds something else.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise ValueError(
            f"{path} does not hold {SECRET_BYTES} bytes; remove it to have it made anew"
        )
    return secret


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

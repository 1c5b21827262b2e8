"""Signed tokens: their content needs no lookup, only their revocation does."""

import hashlib
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from jwt.utils import base64url_encode

from reference_app.errors import RefusedError, SetupError
from reference_app.fields import LARGEST_ID, now
from reference_app.settings import secret

logger = logging.getLogger(__name__)

LIFETIME = timedelta(hours=1)
SECRET = "REFERENCE_AUTH_SECRET"  # noqa: S105 - the name of the variable
DEVELOPMENT_SECRET = "for-development-only-everybody-can-read-this"  # noqa: S105 - logged as insecure
_SHORTEST, _ALGORITHM = 32, "HS256"
REFUSED = "the token is missing or not valid"


@dataclass(frozen=True, slots=True)
class Token:
    """The content of a valid token; ``digest`` replaces the token wherever it must not be written."""

    user_id: int
    expires_at: datetime
    digest: str
    seconds_left: int


class Tokens:
    """Issues and reads tokens signed with a secret that all processes of the service share."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._secret = secret(environment, SECRET, DEVELOPMENT_SECRET)
        if self._secret == DEVELOPMENT_SECRET:
            logger.warning("%s is not set: tokens are signed with a secret that everybody can read", SECRET)
        if len(self._secret) < _SHORTEST:
            raise SetupError(f"{SECRET} is too short; export {SECRET}=$(openssl rand -hex 32)")

    def issue(self, user_id: int) -> tuple[str, datetime]:
        """A new token and its expiry time."""
        expires_at = (now() + LIFETIME).replace(microsecond=0)
        claims = {"sub": str(user_id), "exp": expires_at, "jti": secrets.token_urlsafe(16)}
        return jwt.encode(claims, self._secret, _ALGORITHM), expires_at

    def read(self, encoded: str) -> Token:
        """The content of a token; RefusedError when it is missing, malformed, wrongly signed or expired."""
        try:
            decoded = jwt.decode_complete(encoded, self._secret, [_ALGORITHM], {"require": ["sub", "exp", "jti"]})
            user_id = int(decoded["payload"]["sub"])
            expires_at = datetime.fromtimestamp(int(decoded["payload"]["exp"]), UTC)
        except (jwt.InvalidTokenError, ValueError, OverflowError, OSError):
            raise RefusedError(REFUSED) from None
        # A signature has several encodings. If all were accepted, a revoked token would stay valid in another encoding.
        canonical = base64url_encode(decoded["signature"]).decode() == encoded.rpartition(".")[2]
        if not canonical or not 1 <= user_id <= LARGEST_ID:
            raise RefusedError(REFUSED)
        seconds_left = max(int((expires_at - now()).total_seconds()), 1)
        return Token(user_id, expires_at, hashlib.sha256(encoded.encode()).hexdigest(), seconds_left)

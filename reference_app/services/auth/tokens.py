"""Signed tokens: what they say needs no look-up, only whether they were given back before their end."""

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
SECRET = "REFERENCE_AUTH_SECRET"  # noqa: S105 - its name
DEVELOPMENT_SECRET = "for-development-only-everybody-can-read-this"  # noqa: S105 - and the log says so
_SHORTEST, _ALGORITHM = 32, "HS256"
REFUSED = "the token is missing or not valid"


@dataclass(frozen=True, slots=True)
class Token:
    """What a valid token says; ``digest`` stands for it wherever it must not be written."""

    user_id: int
    expires_at: datetime
    digest: str
    seconds_left: int


class Tokens:
    """Issues and reads the tokens signed with a secret, which all processes of the service share."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._secret = secret(environment, SECRET, DEVELOPMENT_SECRET)
        if self._secret == DEVELOPMENT_SECRET:
            logger.warning("%s is not set: tokens are signed with a secret that everybody can read", SECRET)
        if len(self._secret) < _SHORTEST:
            raise SetupError(f"{SECRET} is too short; export {SECRET}=$(openssl rand -hex 32)")

    def issue(self, user_id: int) -> tuple[str, datetime]:
        """A new token, and when it expires."""
        expires_at = (now() + LIFETIME).replace(microsecond=0)
        claims = {"sub": str(user_id), "exp": expires_at, "jti": secrets.token_urlsafe(16)}
        return jwt.encode(claims, self._secret, _ALGORITHM), expires_at

    def read(self, encoded: str) -> Token:
        """What a token says; RefusedError when it is missing, malformed, signed by somebody else or expired."""
        try:
            decoded = jwt.decode_complete(encoded, self._secret, [_ALGORITHM], {"require": ["sub", "exp", "jti"]})
            user_id = int(decoded["payload"]["sub"])
            expires_at = datetime.fromtimestamp(int(decoded["payload"]["exp"]), UTC)
        except (jwt.InvalidTokenError, ValueError, OverflowError, OSError):
            raise RefusedError(REFUSED) from None
        # A signature can be written in more than one way. Were each a token, one given back would live on as another.
        canonical = base64url_encode(decoded["signature"]).decode() == encoded.rpartition(".")[2]
        if not canonical or not 1 <= user_id <= LARGEST_ID:
            raise RefusedError(REFUSED)
        seconds_left = max(int((expires_at - now()).total_seconds()), 1)
        return Token(user_id, expires_at, hashlib.sha256(encoded.encode()).hexdigest(), seconds_left)

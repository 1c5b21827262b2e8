"""Tokens made here, with the secret that the services use where none is set: valid on both sides of a comparison."""

import time

import jwt

from reference_app.services.auth.tokens import DEVELOPMENT_SECRET


def token(
    user_id: object, jti: str, *, secret: str = DEVELOPMENT_SECRET, seconds: float = 3600, **claims: object
) -> str:
    """One for a user; the same for the same ``jti`` within a test session."""
    made = {"sub": str(user_id), "exp": int(STARTED + seconds), "jti": jti, **claims}
    return jwt.encode({name: value for name, value in made.items() if value is not None}, secret, "HS256")


STARTED = time.time()

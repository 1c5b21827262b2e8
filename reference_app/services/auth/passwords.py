"""Password hashes with argon2id, slow by design, computed in threads beside the event loop."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB, PASSES, LANES = 9216, 4, 1
"""One of the minimum settings of OWASP's password storage cheat sheet."""
_AT_ONCE = 2  # each uses a core and the memory; further log-ins wait, other requests do not


class Passwords:
    """Hashes and verifies passwords in threads; argon2 releases the interpreter lock."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(PASSES, MEMORY_KIB, LANES)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """Hash a password with a new salt."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def match(self, known: str | None, password: str) -> bool:
        """Whether ``password`` matches. A missing hash takes the same time, so that timing reveals nothing."""
        async with self._turns:
            matches = await asyncio.to_thread(self._check, known or self._nobody, password)
        return matches and known is not None

    def _check(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

"""Password hashes: argon2id, slow on purpose, computed beside the event loop."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB, PASSES, LANES = 9216, 4, 1
"""One of the least settings that OWASP's password storage cheat sheet allows."""
_AT_ONCE = 2  # each holds a core and the memory; whoever logs in beyond that waits, and everybody else does not


class Passwords:
    """Hashes and checks passwords in threads; argon2 lets go of the interpreter meanwhile."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(PASSES, MEMORY_KIB, LANES)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """A hash with a salt of its own."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def match(self, known: str | None, password: str) -> bool:
        """Whether ``password`` is what was hashed. Without a hash it costs the same, so that the time tells nothing."""
        async with self._turns:
            matches = await asyncio.to_thread(self._check, known or self._nobody, password)
        return matches and known is not None

    def _check(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

"""Seeded data of the auth service, with skewed (Zipf-like) distributions.

Scale 1 is 50,000 users with about 110,000 roles, and 300,000 revoked tokens. Few roles have most users. The 40 roles
and their permissions are the same at every scale. User i has the password ``password-{i % 16}``.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from argon2.low_level import Type, hash_secret

from reference_app.seeding import Column, Numbers, Table, Weights, draw, draw_distinct, moments, words, zipf_weights
from reference_app.services.auth.passwords import LANES, MEMORY_KIB, PASSES
from reference_app.services.auth.tokens import LIFETIME

PASSWORDS = 16
"""Number of different passwords: fifty thousand hashes would take a quarter of an hour."""
_SEED = 7
_DAY = 86_400.0
_LIFETIME_SECONDS = LIFETIME.total_seconds()
_OLDEST_USER_DAYS = 730.0
_LOGOUT_DAYS = 60.0  # the baseline never deletes expired tokens
_INACTIVE, _NEVER_LOGGED_IN = 0.02, 0.1
_SHARES_OF_ROLE_COUNT = (0.02, 0.34, 0.30, 0.18, 0.10, 0.06)  # no role, one role, ...
_LEAST_PERMISSIONS, _MOST_PERMISSIONS = 10, 20


_AREAS = words("content comment profile payment invoice report campaign video team audit")
_LEVELS = words("reader author editor manager")
_ACTIONS = words("read list search export create update publish archive delete restore approve assign")
_ROLES = [f"{area}-{level}" for area in _AREAS for level in _LEVELS]
_PERMISSIONS = np.array([f"{area}-{action}" for area in _AREAS for action in _ACTIONS])


def generate(scale: float) -> Iterator[Table]:
    """The five tables, referenced ones first."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    users, tokens = (max(round(scale * full), PASSWORDS) for full in (50_000, 300_000))
    ages = (1 + np.sort(random.random(users))[::-1] * _OLDEST_USER_DAYS) * _DAY
    owners = draw(zipf_weights(users, 0.6, random), tokens, random)
    logged_in = random.random(tokens) * ages[owners].clip(max=_LOGOUT_DAYS * _DAY)

    yield Table("users", _users(ages, owners, logged_in, random))
    yield Table("roles", _roles())
    yield Table("role_permissions", _role_permissions(random))
    yield Table("user_roles", _user_roles(ages, random))
    yield Table("token_blacklist", _token_blacklist(owners, logged_in, random))


def _users(ages: Weights, owners: Numbers, logged_in: Weights, random: np.random.Generator) -> dict[str, Column]:
    """The users. No log-out is later than the expiry of the last log-in's token."""
    last_login = np.where(random.random(len(ages)) < _NEVER_LOGGED_IN, np.inf, ages * random.random(len(ages)))
    np.minimum.at(last_login, owners, logged_in)
    never = np.isinf(last_login)
    last_login_at = moments(np.where(never, 0.0, last_login))
    numbers = np.arange(1, len(ages) + 1)
    return {
        "id": pa.array(numbers),
        "username": pa.array([f"user{number}" for number in numbers]),
        "email": pa.array([f"user{number}@example.com" for number in numbers]),
        "password_hash": pa.array(np.array(_password_hashes())[numbers % PASSWORDS]),
        "is_active": pa.array(random.random(len(ages)) >= _INACTIVE),
        "created_at": moments(ages),
        "last_login_at": pc.if_else(pa.array(never), pa.scalar(None, last_login_at.type), last_login_at),
    }


def _password_hashes() -> list[str]:
    """One hash per password, with a constant salt."""
    return [
        hash_secret(
            f"password-{number}".encode(),
            hashlib.sha256(f"salt {number}".encode()).digest()[:16],
            time_cost=PASSES,
            memory_cost=MEMORY_KIB,
            parallelism=LANES,
            hash_len=32,
            type=Type.ID,
        ).decode()
        for number in range(PASSWORDS)
    ]


def _roles() -> dict[str, Column]:
    return {
        "id": pa.array(np.arange(1, len(_ROLES) + 1)),
        "name": pa.array(_ROLES),
        "description": pa.array([f"What a {level} may do with a {area}" for area, level in map(_split, _ROLES)]),
    }


def _role_permissions(random: np.random.Generator) -> dict[str, Column]:
    counts = _LEAST_PERMISSIONS + (random.random(len(_ROLES)) * (_MOST_PERMISSIONS + 1 - _LEAST_PERMISSIONS)).astype(
        int
    )
    roles, permissions = draw_distinct(zipf_weights(len(_PERMISSIONS), 0.5, random), counts, random)
    return {
        "id": pa.array(np.arange(1, len(roles) + 1)),
        "role_id": pa.array(roles + 1),
        "permission": pa.array(_PERMISSIONS[permissions]),
    }


def _user_roles(ages: Weights, random: np.random.Generator) -> dict[str, Column]:
    counts = draw(np.array(_SHARES_OF_ROLE_COUNT), len(ages), random)
    users, roles = draw_distinct(zipf_weights(len(_ROLES), 1.0, random), counts, random)
    granted = ages[users] * random.random(len(users))
    order = np.argsort(-granted, kind="stable")
    return {
        "id": pa.array(np.arange(1, len(order) + 1)),
        "user_id": pa.array(users[order] + 1),
        "role_id": pa.array(roles[order] + 1),
        "granted_at": moments(granted[order]),
    }


def _token_blacklist(owners: Numbers, logged_in: Weights, random: np.random.Generator) -> dict[str, Column]:
    """Tokens revoked before they expired, in the order of revocation."""
    logged_out = logged_in - random.random(len(owners)) * logged_in.clip(max=_LIFETIME_SECONDS)
    order = np.argsort(-logged_out, kind="stable")
    hashes = [hashlib.sha256(f"token {number}".encode()).hexdigest() for number in range(len(order))]
    return {
        "id": pa.array(np.arange(1, len(order) + 1)),
        "token_hash": pa.array(hashes),
        "user_id": pa.array(owners[order] + 1),
        "expires_at": moments(logged_in[order] - _LIFETIME_SECONDS),
        "created_at": moments(logged_out[order]),
    }


def _split(role: str) -> tuple[str, str]:
    area, _, level = role.partition("-")
    return area, level

"""The reference implementation: real HTTP services over PostgreSQL and Redis, each in two releases.

It exists so that there is something real to measure. It knows nothing of the harness and imports none of it. The
folder reads in the order of a request:

    __main__.py     the command line: migrate, seed, serve
    settings.py     where the database and the cache are, and which release to run
    server.py       one process that listens and ends when told to
    service.py      what a service tells the shared parts about itself
    application.py  a service in a release, put together: routes, health, measurement
    measurement.py  around every request: metrics, X-Cache, Server-Timing
    exchange.py     what one request did: statements, time in the database, cache look-up
    answers.py      reading requests, writing answers and errors
    health.py       /health/* and /metrics, the same for every service
    metrics.py      the numbers behind /metrics
    database.py     connections: one per request, or a pool; both count and time statements
    redis_client.py one client, short patience
    generic_cache.py  a cache without a strategy, for baseline releases
    cache.py        cache-aside with exact invalidation, for optimized releases
    cache_scripts.py  its two atomic steps
    flights.py      one loader per key
    warm_up.py      filling the cache at start
    seeding.py      generated tables into PostgreSQL through COPY
    migrations/     one Alembic chain per database
    services/       one package per service
"""

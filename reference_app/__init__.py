"""The reference implementation: HTTP services over PostgreSQL and Redis, each in two releases.

It gives the harness a real system to measure. It imports nothing of the harness. The files, in the order of a request:

    __main__.py     the command line: migrate, seed, serve
    settings.py     addresses of database and cache, and the release to run
    server.py       one process that listens until SIGTERM
    service.py      the description of a service, and how a release is assembled from steps
    application.py  the ASGI application of a release: routes, health, measurement
    measurement.py  middleware for every request: metrics, X-Cache, Server-Timing
    exchange.py     counters of one request: statements, database time, cache lookup
    answers.py      JSON responses and error responses
    health.py       /health/* and /metrics, the same for every service
    metrics.py      the counters behind /metrics
    database.py     connections: one per request, or a pool; both count and time statements
    redis_client.py one Redis client with short timeouts
    generic_cache.py  a simple cache for baseline releases
    cache.py        the interface of both caches
    topic_cache.py  cache-aside with exact invalidation, for optimized releases
    cache_scripts.py  its two atomic Redis scripts
    flights.py      one loader per key (single flight)
    upkeep.py       filling the cache at start, hourly and nightly jobs
    renewal.py      refresh of a materialized view
    seeding.py      seeded tables into PostgreSQL through COPY
    migrations/     one Alembic chain per database
    services/       one package per service
"""

"""Evidence from servers: query plans, indexes, N+1, causes, bottlenecks, alerts, and the migration under load."""

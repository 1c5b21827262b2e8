"""Evidence: what the servers tell. Statements, plans, indexes, caches, and what the migration itself did."""

"""The load of one leg from several processes: a master and its workers."""

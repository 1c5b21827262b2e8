"""Objections to a plan: what could not be done, would not be seen or could not fail is said before anything starts."""

"""Checks of a whole plan: what cannot work, would not be measured or cannot fail is refused before anything starts."""

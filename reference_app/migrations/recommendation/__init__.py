"""The revisions of the recommendation database."""

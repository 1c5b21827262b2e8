"""The revisions of the auth database."""

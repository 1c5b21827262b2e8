"""The revisions of the feed filter database."""

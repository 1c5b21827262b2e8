"""The revisions of the content streaming database."""

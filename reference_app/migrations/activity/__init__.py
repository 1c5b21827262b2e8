"""The revisions of the activity database."""

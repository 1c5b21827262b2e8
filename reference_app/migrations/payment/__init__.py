"""The revisions of the payment database."""

"""The system under test as containers of a Compose file."""

"""The system under test: how it starts, how it is accessed and how it ends."""

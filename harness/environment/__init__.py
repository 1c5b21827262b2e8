"""How a system under test starts, is reached and ends."""

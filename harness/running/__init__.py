"""The steps of a run that touch the system under test, and the observers that show them."""

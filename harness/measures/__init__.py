"""Measures: what the record of a leg says, by stage, endpoint and second, before arms are compared."""

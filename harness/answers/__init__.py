"""Answers: what each arm replied to the same requests, and whether it is the same."""

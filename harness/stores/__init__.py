"""Stores: what is read back from folders beside and in the runs: noise, certificates, surveys, older runs."""

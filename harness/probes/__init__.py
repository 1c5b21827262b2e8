"""Probes: they read servers and services under load, one module per thing read."""

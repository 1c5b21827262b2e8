"""Readers of servers and services under load, a module for each thing read."""

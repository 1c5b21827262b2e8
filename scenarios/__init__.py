"""Locust users and plans for the reference services."""

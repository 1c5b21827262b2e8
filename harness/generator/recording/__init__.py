"""Samples of requests, and measurements of the generator itself."""

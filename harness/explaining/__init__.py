"""Explaining: what made an endpoint faster or slower, and what would hold the service up next."""

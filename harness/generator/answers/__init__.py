"""The corpus of a plan: each request sent once, and its response recorded for comparison."""

"""The corpus of a plan: each request sent once, its response recorded for the response comparison."""

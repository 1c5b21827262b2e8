"""Plan: what to run. A model for each table of the plan file, and the checks that refuse a plan."""

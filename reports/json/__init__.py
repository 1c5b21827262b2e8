"""JSON: the files for machines, unrounded, with null for what is missing."""

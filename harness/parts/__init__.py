"""Parts of a plan, as its author writes them: one module for each table or expression of the file."""

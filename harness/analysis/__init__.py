"""Analysis: from the samples of a run to its summary and the comparison of its arms."""

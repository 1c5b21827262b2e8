"""Record: what was measured, as data classes and as the files of a run folder."""

"""Statistics: numbers in, numbers out. No clock, no disk, no names of metrics.

A function returns ``None`` where its input is too little to compute a result, never a number in its place. It raises
``ValueError`` for a value that is infinite or not a number.
"""

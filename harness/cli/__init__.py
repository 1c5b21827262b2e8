"""The command line: commands, progress, signals and exit codes."""

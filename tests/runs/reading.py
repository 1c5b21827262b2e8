"""Commands that only read recorded runs, in this process: to start the harness takes longer than what they do."""

import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

from harness.cli import main as cli

READING = {"report", "check", "compare", "history"}


def read(*arguments: str | Path, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """What ``harness`` with these arguments, started in ``folder``, prints, and its exit code."""
    line = ["harness", *map(str, arguments)]
    out, errors = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = None
    with (
        chdir(folder or Path.cwd()),
        patch.object(sys, "argv", line),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    for stream in (out, errors):
        stream.seek(0)
    return subprocess.CompletedProcess(line, int(code), out.read(), errors.read())

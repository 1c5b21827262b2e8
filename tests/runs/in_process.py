"""``harness`` inside the test process: its start takes longer than most commands."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

from harness.cli import main as cli


def harness(
    *arguments: str | Path, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Output and exit code of ``harness`` with these arguments, started in ``folder``."""
    line = ["harness", *map(str, arguments)]
    out, errors = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = None
    with (
        chdir(folder or Path.cwd()),
        patch.object(sys, "argv", line),
        patch.dict(os.environ, env or os.environ, clear=True),
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

"""``python -m tests.benchmarks [NAME ...]``: run the benchmarks, all of them or those that are named."""

import importlib
import sys
import time

NAMES = ("throughput", "users", "accuracy", "freeze", "rate")
LONG = ("analysis", "endurance", "master", "probes")


def main() -> None:
    """Run one after another; each prints its own table."""
    names = sys.argv[1:] or NAMES
    if unknown := [name for name in names if name not in NAMES + LONG]:
        sys.exit(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}, and on request {', '.join(LONG)}")
    for name in names:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        print(f"\n{(module.__doc__ or name).strip().splitlines()[0]}\n", flush=True)
        started = time.monotonic()
        sys.argv = [name]  # some take options of their own
        module.main()
        print(f"\n({name}: {time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()

"""A distributed run as Kubernetes objects; text in, text out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.errors import PlanError, Problem

PORT = 5557
MAX_BYTES = 1_000_000
"""Of the content of a ConfigMap; the API server accepts 1 MiB with metadata."""
_TEMPLATES = Environment(loader=PackageLoader("harness.cli", "."), undefined=StrictUndefined, autoescape=False)  # noqa: S701 - YAML
_TEMPLATES.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # YAML reads no surrogate pairs


@dataclass(frozen=True, slots=True)
class ManifestOptions:
    """A plan, its text and its user files; the number of workers, the image and the namespace."""

    plan: Path
    text: str
    files: Sequence[Path]
    workers: int
    image: str
    namespace: str


def manifest(options: ManifestOptions) -> str:
    """YAML of a ConfigMap, a headless Service, a NetworkPolicy, and a Job each for the run and for its workers.

    Raises ``PlanError`` if plan and user files are too large for a ConfigMap.
    """
    root = Path(commonpath([options.plan.resolve().parent, *(file.resolve().parent for file in options.files)]))
    plan = str(options.plan.resolve().relative_to(root))
    contents = {str(file.resolve().relative_to(root)): file.read_text(encoding="utf-8") for file in options.files}
    contents[plan] = options.text
    size = sum(len(text.encode()) for text in contents.values())
    if size > MAX_BYTES:
        what = f"plan and user files have {size:,} bytes, a ConfigMap takes {MAX_BYTES:,}; put data into the image"
        raise PlanError(options.plan, [Problem("load.users", what)])
    keys = {path: re.sub(r"[^-._a-zA-Z0-9]", "_", path) for path in sorted(contents)}
    text = _TEMPLATES.get_template("manifest.yaml.j2").render(
        plan=plan, keys=keys, port=PORT, workers=options.workers, image=options.image, namespace=options.namespace
    )
    config, *others = yaml.safe_load_all(text)
    config["data"] = {key: contents[path] for path, key in keys.items()}
    return yaml.dump_all([config, *others], Dumper=_Dumper, sort_keys=False, explicit_start=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_block)

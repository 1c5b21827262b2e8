"""The certificates of machines, kept beside the runs in ``selftest.json``: the newest of each class of machine.

A run copies that of its own machine into its own folder when it begins, so that its report does not change later.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import RunFolderError
from harness.record.certificate import Certificate
from harness.record.text_files import validated

NAME = "selftest.json"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The newest certificate of each class of machine."""

    certificates: tuple[Certificate, ...] = ()
    schema: int = 1


class CertificateStore:
    """The file of the certificates in the folder of the runs."""

    def __init__(self, runs: Path) -> None:
        self.path = runs / NAME

    def read(self, machine: dict[str, str]) -> Certificate | None:
        """The newest certificate of a class of machine; ``None`` where none was made.

        Raises:
            RunFolderError: when the file is damaged.
        """
        return next((one for one in self._all() if one.machine == machine), None)

    def check(self) -> None:
        """Whether what is there can be read and added to; raises as ``keep``, before anything is measured."""
        self._all()
        if self.path.is_dir():
            raise RunFolderError(f"{self.path}: a folder is in the way; remove it, or choose another --out")

    def keep(self, certificate: Certificate) -> None:
        """Write a certificate in place of an older one of its class of machine.

        Raises:
            RunFolderError: when the file is damaged or cannot be written.
        """
        others = [one for one in self._all() if one.machine != certificate.machine]
        whole = Certificates((certificate, *others))
        partial = self.path.with_suffix(".partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(asdict(whole), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            partial.rename(self.path)
        except OSError as error:
            raise RunFolderError(f"{self.path}: cannot be written ({error.strerror})") from error

    def _all(self) -> tuple[Certificate, ...]:
        if not self.path.exists():
            return ()
        try:
            raw = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunFolderError(
                f"{self.path}: damaged ({error}); delete it, harness selftest makes it anew"
            ) from error
        return validated(self.path, Certificates, raw).certificates

"""Generated data is the same every time, on any machine."""

import hashlib

import pytest

from reference_app import seeds, services

DIGESTS = {
    "activity": "1f4331bad91f05c2a6dffd026bc9c2a74f2ec21c312c94bf970f222da93335ff",
    "auth": "8a0809317a311315da571cd1a56e8087be9dcf35d232e2dfc9b24135dc944bfc",
    "content_streaming": "8084c1c269d67aa620c79a775363378c37b795a78e18dd45c081a4a0a0c9d7eb",
    "feed_filter": "6ad9fdaf9c7a5ccee9e271c4bdd0da2beadde69ac80120f132ccb705730476f9",
    "payment": "a8088583654475475c059760885b585f878b58b20f8dd763ae4a5a0b9f14ab5d",
    "recommendation": "3f8949680b3d7c8090f28f09ccd6c3af091ec5fc005fe8ccb66765552e44daed",
}


@pytest.mark.parametrize("service", services.NAMES)
def test_the_same_scale_gives_the_same_rows(service: str) -> None:
    assert digest(service, 0.01) == digest(service, 0.01) != digest(service, 0.011)


@pytest.mark.parametrize("service", services.NAMES)
def test_its_bytes_do_not_drift(service: str) -> None:
    """A change here changes what every recorded measurement was measured on: intended, or a mistake."""
    assert digest(service, 0.01) == DIGESTS[service]


def digest(service: str, scale: float) -> str:
    found = hashlib.sha256()
    for table in seeds.generate(service, scale):
        for name, column in table.columns.items():
            found.update(f"{table.name}.{name}:{column.to_pylist()}".encode())
    return found.hexdigest()

from pathlib import Path

import pytest

from harness.generator.endpoints import endpoints_of


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("self.client.get('/a')", {"GET /a"}),
        ("self.client.get(f'/a/{x}', name='/a/{id}')", {"GET /a/{id}"}),
        ("self.client.post('/a'); self.client.delete('/b')", {"POST /a", "DELETE /b"}),
        ("with self.client.put('/a', catch_response=True) as r: pass", {"PUT /a"}),
        ("user.client.patch('/a')", {"PATCH /a"}),
        ("self.client.get(f'/a/{x}')", None),  # computed
        ("self.client.get(url)", None),
        ("self.client.get('/a', **options)", None),  # a name may hide in there
        ("self.client.request('GET', '/a')", None),
        ("self.settings.get('/a')", set()),
        ("settings.get('/a')", set()),  # no client
        ("", set()),
    ],
)
def test_endpoints_of_a_file(tmp_path: Path, source: str, expected: set[str] | None) -> None:
    path = tmp_path / "users.py"
    path.write_text(source)
    assert endpoints_of(path) == expected


def test_a_file_that_is_not_python(tmp_path: Path) -> None:
    path = tmp_path / "users.py"
    path.write_text("def (")
    with pytest.raises(SyntaxError):
        endpoints_of(path)

import json
from pathlib import Path

import pytest

from locara.core.manifest import parse_manifest
from locara.errors import ManifestError, ModelError
from locara.models.pin import Pin
from locara.models.pin_edit import replace_file, with_pin

A, B, C = (f"{name}@sha256:{digit * 64}" for name, digit in (("a", "1"), ("b", "2"), ("c", "3")))
NEW_A = f"a@sha256:{'9' * 64}"
TEMPLATE = """{
  "schema": "locara/v1", "name": "probe", "publisher": "acme", "version": "1.0.0",
  "displayName": "models: \\"a\\"", "description": "With \\u00fcmlauts ü and, \\"capabilities\\": {}.",
  "license": "Apache-2.0", "author": {"name": "Acme", "email": "a@example.com"},
  "icon": "icon.png", "screenshots": ["one.png"], "category": "utilities",
  "capabilities": %s
}
"""


def manifest(capabilities: str) -> bytes:
    return (TEMPLATE % capabilities).encode()


@pytest.mark.parametrize(
    ("before", "pin", "after"),
    [
        ("{}", A, f'{{"models": ["{A}"]}}'),
        ("{ }", A, f'{{"models": ["{A}"] }}'),
        ('{"net": false}', A, f'{{"models": ["{A}"],"net": false}}'),
        ('{\n    "net": false\n  }', A, f'{{\n    "models": ["{A}"],\n    "net": false\n  }}'),
        ('{"models": []}', A, f'{{"models": ["{A}"]}}'),
        ('{"models" : [ ]}', A, f'{{"models" : ["{A}"]}}'),
        (f'{{"models": ["{A}"]}}', B, f'{{"models": ["{A}", "{B}"]}}'),
        (f'{{"models": [\n\t"{A}"\n]}}', B, f'{{"models": [\n\t"{A}",\n\t"{B}"\n]}}'),
        (f'{{"models": ["{A}" , "{B}" ]}}', C, f'{{"models": ["{A}" , "{B}", "{C}" ]}}'),
        (f'{{"models": ["{A}" , "{B}"]}}', NEW_A, f'{{"models": ["{NEW_A}" , "{B}"]}}'),
        (f'{{"models": ["{A}"]}}', A, f'{{"models": ["{A}"]}}'),
        ('{"models": ["a@sha256:\\u0031' + "1" * 63 + '"]}', NEW_A, f'{{"models": ["{NEW_A}"]}}'),
        (
            f'{{\r\n  "models": [\r\n    "{A}"\r\n  ]\r\n}}',
            B,
            f'{{\r\n  "models": [\r\n    "{A}",\r\n    "{B}"\r\n  ]\r\n}}',
        ),
    ],
)
def test_only_the_pin_changes(before: str, pin: str, after: str) -> None:
    assert with_pin(manifest(before), Pin.parse(pin)) == manifest(after)


def test_profiles_follow_their_model() -> None:
    low, high = f'{{"min_ram_gb": 4, "models": ["{A}"]}}', f'{{"min_ram_gb": 8, "models": ["{B}", "{A}"]}}'
    profiles = f'{{"low": {low}, "high": {high}}}'
    before = manifest(f'{{"models": ["{A}", "{B}"]}},\n  "profiles": {profiles}')
    after = with_pin(before, Pin.parse(NEW_A))
    assert after == before.replace(A.encode(), NEW_A.encode())
    parse_manifest(after)


@pytest.mark.parametrize(
    "capabilities", ["[]", '{"modles": []}', '{"models": ["x"]}', '{"models": [], "models": []}']
)
def test_an_invalid_manifest_is_not_touched(capabilities: str) -> None:
    with pytest.raises(ManifestError):
        with_pin(manifest(capabilities), Pin.parse(A))


def test_the_64th_pin_is_the_last() -> None:
    pins = [f"m{number}@sha256:{number:064x}" for number in range(64)]
    with pytest.raises(ManifestError):
        with_pin(manifest(json.dumps({"models": pins})), Pin.parse(A))


def test_a_file_is_replaced_with_its_mode_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "locara.json"
    path.write_bytes(b"old")
    path.chmod(0o640)
    replace_file(path, b"old", b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_or_a_changed_file_is_left_alone(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "locara.json"
    target.write_bytes(b"old")
    path.symlink_to(target)
    with pytest.raises(ModelError):
        replace_file(path, b"old", b"new")
    with pytest.raises(ModelError):
        replace_file(target, b"older", b"new")
    assert target.read_bytes() == b"old"

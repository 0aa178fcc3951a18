from __future__ import annotations

from pathlib import Path

import pytest

from locara.errors import SandboxError
from locara.sandbox.host import explain_bwrap, find_bwrap, layers


def test_without_bubblewrap_the_layer_and_the_fix_are_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="namespaces layer is missing") as missing:
        find_bwrap(str(tmp_path))
    assert missing.value.code == "bwrap_missing"
    assert "apt install bubblewrap" in missing.value.diagnostics()
    assert Path(find_bwrap()).is_absolute()


@pytest.mark.parametrize(
    "said",
    [
        "bwrap: setting up uid map: Permission denied",
        "bwrap: No permissions to create new namespace, likely because the kernel does not allow it",
        "bwrap: Creating new namespace failed: Operation not permitted",
    ],
)
def test_a_host_that_denies_user_namespaces_is_explained(said: str) -> None:
    layer = explain_bwrap("bubblewrap 0.8.0", said, by_apparmor=False)
    assert layer.code == "userns_denied"
    assert layer.fix is not None
    assert "unprivileged user namespaces" in layer.fix
    with_apparmor = explain_bwrap("bubblewrap 0.8.0", said, by_apparmor=True)
    assert with_apparmor.fix is not None
    assert "bwrap-userns-restrict" in with_apparmor.fix


def test_any_other_failure_is_a_missing_layer_too() -> None:
    layer = explain_bwrap("bubblewrap 0.8.0", "", by_apparmor=False)
    assert layer.code == "layer_missing"
    assert layer.missing is not None


def test_this_host_has_every_layer() -> None:
    assert [(layer.name, layer.missing) for layer in layers()] == [
        ("namespaces", None),
        ("landlock", None),
        ("seccomp", None),
    ]

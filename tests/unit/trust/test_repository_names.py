"""What files are called that a registry's metadata names: no name of a role is a path."""

from __future__ import annotations

import pytest

from locara.trust.repository.verified import role_file, root_name


@pytest.mark.parametrize(
    "name",
    ["root_history/2.root", "root_history/../../evil", "../evil", "/evil", "a/b", "..", "evil\0", "%2e%2e"],
)
def test_a_role_is_one_file_of_the_folder(name: str) -> None:
    file = role_file(name)
    assert "/" not in file
    assert "\0" not in file
    assert file not in {"..", ".", root_name(2)}


def test_two_roles_are_two_files() -> None:
    names = ["a/b", "a%2Fb", "a%252Fb", "root_history/a", "root_history%2Fa"]
    assert len({role_file(name) for name in names}) == len(names)
    assert role_file("revocations") == "revocations.json"

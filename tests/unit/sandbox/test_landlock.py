from __future__ import annotations

import pytest

from locara.sandbox.linux import landlock


@pytest.mark.parametrize(
    ("version", "files", "network", "scope", "length"),
    [
        (2, 0x3FFF, 0, 0, 8),
        (3, 0x7FFF, 0, 0, 8),
        (4, 0x7FFF, 3, 0, 16),
        (5, 0xFFFF, 3, 0, 16),
        (6, 0xFFFF, 3, 3, 24),
        (7, 0xFFFF, 3, 3, 24),
    ],
)
def test_each_version_takes_away_all_it_can(
    version: int, files: int, network: int, scope: int, length: int
) -> None:
    assert landlock.handled(version) == (files, network, scope)
    assert len(landlock._ruleset_attr(version)) == length


def test_no_access_gives_a_right_to_execute_or_to_make_anything_but_files_and_folders() -> None:
    forbidden = landlock.EXECUTE | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | landlock.IOCTL_DEV
    for rights in (landlock.READ, landlock.WRITE, landlock.DEVICE):
        assert rights & forbidden == 0
    assert landlock.READ & (landlock.WRITE_FILE | landlock.TRUNCATE | landlock.MAKE_REG) == 0


def test_this_kernel_has_it() -> None:
    assert landlock.abi() >= landlock.MINIMUM_ABI

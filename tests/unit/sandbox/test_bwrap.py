from __future__ import annotations

import pytest

from locara.sandbox.linux.bwrap import Mount, Namespaces, arguments


def line(**changes: object) -> list[str]:
    fields: dict[str, object] = {
        "namespaces": Namespaces(),
        "clear_env": True,
        "sentinel_fd": 7,
        "seccomp_fd": 8,
        "scratch": "/tmp",
        "scratch_bytes": 4096,
    }
    mounts = [Mount("/data", writable=True, fd=5), Mount("/app/dist", writable=False, path="/tmp/0")]
    return arguments(mounts, [("usr/lib", "/lib")], {"HOME": "/data/tmp"}, **{**fields, **changes})  # type: ignore[arg-type]


def test_everything_is_on() -> None:
    args = line()
    for flag in (
        "--unshare-user",
        "--unshare-net",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--clearenv",
    ):
        assert flag in args
    for flag in ("--disable-userns", "--assert-userns-disabled", "--new-session", "--die-with-parent"):
        assert flag in args
    assert args[args.index("--cap-drop") + 1] == "ALL"
    assert args[args.index("--uid") + 1] != "0"
    assert args[args.index("--seccomp") + 1] == "8"
    assert "--share-net" not in args
    assert args.index("--clearenv") < args.index("--setenv")


def test_mounts_are_read_only_unless_they_say_so_and_the_root_ends_read_only() -> None:
    args = line()
    assert args[args.index("--ro-bind") :][:3] == ["--ro-bind", "/tmp/0", "/app/dist"]
    assert args[args.index("--bind-fd") :][:3] == ["--bind-fd", "5", "/data"]
    assert args.index("--app/dist" if "--app/dist" in args else "/app/dist") < args.index("/data")
    assert "".join(args).endswith("--remount-ro/--chdir/--seccomp8")
    assert args.count("--remount-ro") == 2


@pytest.mark.parametrize(
    ("field", "flag"),
    [("net", "--unshare-net"), ("pid", "--unshare-pid"), ("ipc", "--unshare-ipc"), ("uts", "--unshare-uts")],
)
def test_a_dropped_namespace_is_not_named(field: str, flag: str) -> None:
    assert flag not in line(namespaces=Namespaces(**{field: False}))
    assert flag in line()


def test_a_mount_without_a_source_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no source"):
        arguments(
            [Mount("/x", writable=False)],
            [],
            {},
            namespaces=Namespaces(),
            clear_env=True,
            sentinel_fd=3,
            seccomp_fd=None,
            scratch="/tmp",
            scratch_bytes=1,
        )

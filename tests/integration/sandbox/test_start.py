from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import locara
from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.errors import SandboxError
from locara.sandbox.launcher import ALL_LAYERS, start
from locara.sandbox.linux import kernel_calls as kernel

from .conftest import Box, open_descriptors


def test_every_layer_is_read_back_before_the_payload_runs(box: Box) -> None:
    with start(box.plan("print('ran')"), stdout=subprocess.PIPE) as process:
        assert frozenset(process.report["proven"]) == ALL_LAYERS
        assert process.report["landlock_abi"] >= 2
        assert process.stdout is not None
        assert process.stdout.read() == b"ran\n"
        assert process.wait(30) == 0


def test_the_environment_is_exactly_the_plans(box: Box) -> None:
    environment = box.say("dict(os.environ)")
    assert environment.pop("LOCARA_BROKER_FD").isdecimal()
    assert environment == {
        "HOME": "/data/tmp",
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": "/usr/bin",
        "TMPDIR": "/tmp",
    }


def test_the_data_folder_has_its_parts_and_keeps_what_is_written(box: Box) -> None:
    box.run(box.plan("open('/data/files/note.txt', 'w').write('kept')"))
    assert (box.data / "files" / "note.txt").read_text("utf-8") == "kept"
    assert sorted(path.name for path in box.data.iterdir()) == ["audit", "db", "files", "tmp"]
    assert box.data.stat().st_mode & 0o777 == 0o700
    assert box.say("open('/data/files/note.txt').read()") == "kept"


def test_the_app_is_there_to_read_and_not_to_write(box: Box) -> None:
    assert box.say("open('/app/dist/page.html').read()") == "page"
    code = "try: open('/app/dist/page.html', 'w')\nexcept OSError as e: print(e.errno)"
    assert box.run(box.plan(code)).strip() in ("30", "13")
    assert (box.app / "dist" / "page.html").read_text("utf-8") == "page"


def test_parts_of_the_app_that_are_not_named_are_not_there(box: Box) -> None:
    (box.app / "src").mkdir()
    assert box.say("[os.path.exists(p) for p in ('/app/dist', '/app/src', '/app/db')]") == [
        True,
        False,
        False,
    ]


def test_granted_folders_appear_with_their_access(
    box: Box, grant: Callable[[dict[str, Any]], Grants]
) -> None:
    roots = {name: box.folder / name for name in ("documents", "music", "pictures")}
    for path in roots.values():
        path.mkdir(mode=0o777)
        path.chmod(0o777)
        (path / "a.txt").write_text(path.name, "utf-8")
    code = """
import os
for root in ("documents", "music", "pictures"):
    try:
        print(open(f"/roots/{root}/a.txt").read(), end=" ")
        open(f"/roots/{root}/b.txt", "w").close()
        print("written")
    except OSError as error:
        print(type(error).__name__, error.errno)
"""
    grants = grant({"fs.user-paths": {"documents": "read", "music": "read-write"}})
    output = box.run(box.plan(code, grants=grants, user_roots=roots))
    assert output.splitlines() == ["documents OSError 30", "music written", "FileNotFoundError 2"]
    assert (roots["music"] / "b.txt").exists()
    assert not (roots["documents"] / "b.txt").exists()


def test_a_pinned_model_appears_read_only(box: Box, grant: Callable[[dict[str, Any]], Grants]) -> None:
    blob = box.folder / "blob"
    blob.write_bytes(b"GGUF")
    blob.chmod(0o444)
    digest = Digest.of(b"GGUF")
    grants = grant({"models": [f"tiny@{digest}"]})
    path = f"/models/{digest.hex}/model.gguf"
    assert box.say(f"open({path!r}).read()", grants=grants, models={digest: blob}) == "GGUF"


def test_standard_streams_are_never_directories(box: Box) -> None:
    fd = os.open("/", os.O_RDONLY)
    try:
        with pytest.raises(SandboxError, match="cannot be a directory") as refused:
            start(box.plan(), stdin=fd)
        assert refused.value.code == "launch_failed"
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({"seccomp": None}, ["seccomp"]),
        ({"landlock": None}, ["landlock"]),
        ({"exec_filter": False}, ["exec"]),
        ({"clear_env": False}, ["env"]),
        ({"unshare_net": False}, ["net"]),
        ({"unshare_pid": False}, ["pid"]),
        ({"unshare_ipc": False}, ["ipc"]),
        ({"unshare_uts": False}, ["uts"]),
    ],
)
def test_a_start_without_a_layer_is_refused_and_the_payload_never_runs(
    box: Box, changes: dict[str, Any], layers: list[str]
) -> None:
    plan = replace(box.plan("open('/data/files/ran', 'w')"), **changes)
    with pytest.raises(SandboxError) as refused:
        start(plan)
    assert refused.value.code == "readback_failed"
    assert all(f"{layer}:" in refused.value.message for layer in layers)
    assert not (box.data / "files" / "ran").exists()


def test_an_inherited_descriptor_is_refused_and_a_closed_one_never_arrives(box: Box) -> None:
    fd = os.open(box.secret, os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        with pytest.raises(SandboxError, match="fds: descriptor") as refused:
            start(replace(box.plan(), inherit_fds=(fd,)))
        assert refused.value.code == "readback_failed"
        assert len(box.say("[n for n in os.listdir('/proc/self/fd')]")) == 5  # 0 1 2, the broker, the listing
    finally:
        os.close(fd)


def test_real_root_never_starts_a_sandbox(box: Box) -> None:
    plan = replace(box.plan("print(1)"), identity=None)
    if os.getuid() != 0:
        assert box.run(plan) == "1\n"
        return
    with pytest.raises(SandboxError, match="never started by real root") as refused:
        start(plan)
    assert refused.value.code == "launch_failed"


def test_killing_the_outer_process_ends_everything_inside(box: Box) -> None:
    process = start(box.plan("import time; print('up', flush=True); time.sleep(600)"), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.kill()
    assert process.stdout.read() == b""  # the end of file proves that no copy of the pipe is left
    assert process.wait(30) != 0
    process.close()
    process.close()


def test_nothing_stays_open_in_the_launcher(box: Box) -> None:
    box.run(box.plan())
    before = open_descriptors()
    box.run(box.plan())
    assert open_descriptors() == before


def test_a_payload_cannot_reach_the_network_or_another_socket(box: Box) -> None:
    listener = socket.socket(socket.AF_UNIX)
    path = box.folder / "s.sock"
    listener.bind(str(path))
    listener.listen()
    listener.setblocking(False)
    control = socket.socket(socket.AF_UNIX)
    control.connect(str(path))  # the control: outside it can be reached
    listener.accept()[0].close()
    control.close()
    code = f"""
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", 1)), (socket.AF_UNIX, {str(path)!r})):
    try:
        socket.socket(family).connect(address)
    except OSError as error:
        print(error.errno)
"""
    assert box.run(box.plan(code)).split() == ["97", "97"]  # EAFNOSUPPORT: the socket itself is refused
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()


CHILD = """
import json, subprocess, sys
from pathlib import Path
from locara.core.grant import Grants
from locara.sandbox.launcher import LaunchSpec, Payload, build_plan, start
folder = Path(sys.argv[1])
(folder / "app").mkdir(); (folder / "app" / "locara.json").write_text("{}")
app = folder / "app"
spec = LaunchSpec(Grants.none(), app / "locara.json", app, folder / "data", Payload("platform"))
with start(build_plan(spec), stdout=subprocess.PIPE) as process:
    process.stdout.read()
    print(json.dumps([process.wait(60), sorted(process.report["proven"])]))
"""


def test_an_ordinary_user_gets_the_same_sandbox(tmp_path: Path) -> None:
    """As root: a child that dropped to an ordinary uid. The interpreter below a closed home is opened to it
    first, in a mount namespace of its own, as on any machine where people can run their interpreter."""
    home = tmp_path / "user"
    home.mkdir()
    who: dict[str, Any] = {}
    if os.getuid() == 0:
        os.chown(home, 4242, 4242)
        for parent in home.parents:
            if parent.stat().st_uid == 0 and parent.is_relative_to("/tmp/pytest-of-root"):
                parent.chmod(0o755)
        who = {"user": 4242, "group": 4242, "extra_groups": []}
    outcome: list[subprocess.CompletedProcess[str]] = []

    def run() -> None:
        if os.getuid() == 0:
            _open_interpreter()
        outcome.append(
            subprocess.run(
                [sys.executable, "-c", CHILD, str(home)],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
                **who,
            )
        )

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert outcome[0].returncode == 0, outcome[0].stderr
    code, proven = json.loads(outcome[0].stdout)
    assert code == 0
    assert frozenset(proven) == ALL_LAYERS


def _open_interpreter() -> None:
    """Show interpreter, environment and packages through closed folders, in a mount namespace of this thread."""
    wanted = {sys.base_prefix, sys.prefix, str(Path(locara.__file__).parents[1])}
    places = {Path(os.path.realpath(place)) for place in wanted}
    closed: set[Path] = set()
    trees: dict[Path, int] = {}
    for place in places:
        if shut := {parent for parent in place.parents if not parent.stat().st_mode & 0o001}:
            closed |= shut
            fd = os.open(place, os.O_PATH)
            trees[place] = kernel.clone_tree(fd)
            os.close(fd)
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    # From the outside in: a closed folder may lie in a tree that was shown through another one.
    for path in sorted({*closed, *trees}):
        path.mkdir(parents=True, exist_ok=True)
        if path in closed:
            kernel.mount("open", str(path), "tmpfs", kernel.MS_NOSUID, "mode=0755,size=1m")
        if path in trees:
            kernel.attach_tree(trees[path], str(path))
            os.close(trees[path])


def test_the_gauge_of_memory_works_inside(box: Box) -> None:
    """What tells when idle models should go: readable in every sandbox, and nothing beside it is."""
    code = (
        "from pathlib import Path\n"
        "from locara.runtime.pressure import ProcGauge, left\n"
        "from locara.sandbox.linux.kernel_text import kernel_text\n"
        "print(left(kernel_text(Path('/proc/meminfo'))) < 100.0, ProcGauge().is_short() in (True, False))\n"
        "print(bool(kernel_text(Path('/proc/pressure/memory'))), bool(kernel_text(Path('/proc/pressure/cpu'))))\n"
    )
    known = Path("/proc/pressure/memory").exists()
    assert box.run(box.plan(code)).splitlines() == ["True True", f"{known} False"]

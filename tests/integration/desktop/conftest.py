"""Real parts of a desktop without a person: an X server, a sound server, a session bus with a notification server.

Where a program is missing the test is skipped and says which package has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SERVER = Path(__file__).with_name("notification_server.py")


def needs(**packages: str) -> None:
    """Skip, loudly, without these programs; the values are the Debian packages that have them."""
    missing = {name: package for name, package in packages.items() if not shutil.which(name)}
    if missing:
        told = ", ".join(f"{name} (apt install {package})" for name, package in missing.items())
        pytest.skip(f"NOT TESTED HERE, missing: {told}")


def until(there: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, f"{what} did not come up"
        time.sleep(0.05)


def ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def x11(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a session on an X server of its own; the server chooses its number itself."""
    needs(Xvfb="xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "320x200x24", "-nolisten", "tcp"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, pass_fds=[writing], **quiet)
    os.close(writing)
    with os.fdopen(reading) as told:
        number = told.readline().strip()
    try:
        assert number.isdigit(), "the X server did not start"
        yield {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DISPLAY": f":{number}"}
    finally:
        ended(server)


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a session with PulseAudio, whose one output plays into nothing."""
    needs(pulseaudio="pulseaudio", pactl="pulseaudio-utils", parec="pulseaudio-utils")
    place = tmp_path / "native"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "PULSE_SERVER": f"unix:{place}",
    }
    command = [
        "pulseaudio",
        "-n",
        "--daemonize=no",
        "--exit-idle-time=-1",
        "--use-pid-file=no",
        "--realtime=no",
    ]
    command += [
        "-L",
        f"module-native-protocol-unix socket={place}",
        "-L",
        "module-null-sink sink_name=speakers",
    ]
    with (tmp_path / "pulse.log").open("wb") as log:
        server = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        until(place.exists, "PulseAudio")
        yield environ
    finally:
        ended(server)


def pactl(environ: dict[str, str], *words: str) -> None:
    subprocess.run(["pactl", *words], env=environ, check=True, capture_output=True, timeout=20)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a session with a bus of its own, and on it a notification server that keeps a list."""
    needs(**{"dbus-daemon": "dbus", "gdbus": "libglib2.0-bin"})
    python = system_python()
    place = tmp_path / "bus"
    config = tmp_path / "bus.conf"
    config.write_text(f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={place}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/><allow user="*"/></policy></busconfig>""")
    daemon = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork"])
    environ = {"PATH": os.environ["PATH"], "DBUS_SESSION_BUS_ADDRESS": f"unix:path={place}"}
    kept = tmp_path / "notifications.jsonl"
    kept.touch()
    server = None
    try:
        until(place.exists, "the session bus")
        command = [python, str(SERVER), str(kept)]
        server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE)
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield environ
    finally:
        if server is not None:
            ended(server)
        ended(daemon)


def system_python() -> str:
    """An interpreter with GObject bindings: the system's, where they are installed."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run(
            [candidate, "-c", "from gi.repository import Gio"], check=False, capture_output=True
        )
        if done.returncode == 0:
            return candidate
    pytest.skip("NOT TESTED HERE, missing: GObject bindings (apt install python3-gi)")

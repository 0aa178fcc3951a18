"""The network half of sigstore-python is put off, and whatever uses it gets the real one."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from locara.trust.bundle.offline_import import NOT_FOR_CHECKS, put_off


def run(script: str) -> str:
    """What a Python that has loaded nothing yet prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_loading_the_verifier_loads_no_library_that_reaches_a_network() -> None:
    loaded = "import sys; print([name for name in {names!r} if name in sys.modules])"
    networked = (*NOT_FOR_CHECKS, "urllib3", "securesystemslib.signer")
    prepare = "from locara.trust.bundle.offline_import import load_verifier; load_verifier()\n"
    assert run(prepare + loaded.format(names=networked)) == "[]"
    eager = "import sigstore.models, sigstore.verify.verifier\n"
    assert run(eager + loaded.format(names=networked)) == str(list(networked)), "so it makes a difference"


@pytest.mark.parametrize(
    ("use", "told"),
    [
        ("from sigstore._internal import tuf; print(tuf.UpdaterConfig(app_user_agent='x').app_user_agent)", "x"),
        (
            "from sigstore.oidc import IdentityToken, IdentityError\n"
            "try:\n IdentityToken('not a token', 'sigstore')\nexcept IdentityError as error:\n print(error)",
            "Identity token is malformed or missing claims",
        ),
        (
            "import requests\nfrom sigstore._internal.timestamp import TimestampAuthorityClient\n"
            "print(isinstance(TimestampAuthorityClient('http://x')._session, requests.Session))",
            "True",
        ),
        (
            "import requests\nfrom sigstore._internal import USER_AGENT\n"
            "print(USER_AGENT.endswith(f'(python-requests/{requests.__version__})'))",
            "True",
        ),
        (
            "import sys, requests, tuf.ngclient\n"
            "print(type(requests).__name__, requests.Session.__module__, tuf.ngclient.Updater.__module__)",
            "module requests.sessions tuf.ngclient.updater",
        ),
        (
            "from sigstore._internal.timestamp import TimestampAuthorityClient, TimestampError\n"
            "from rfc3161_client import TimestampRequestBuilder\n"
            "try:\n TimestampAuthorityClient('http://127.0.0.1:9/').request_timestamp(b'x')\n"
            "except TimestampError as error:\n print('refused')",
            "refused",
        ),
    ],
)  # fmt: skip
def test_what_uses_it_all_the_same_gets_the_real_one(use: str, told: str) -> None:
    assert (
        run(f"from locara.trust.bundle.offline_import import load_verifier\nload_verifier()\n{use}") == told
    )


def test_a_stand_in_calls_tells_apart_and_is_inherited_from_as_the_real_one() -> None:
    name = "json.decoder"
    kept = sys.modules.pop(name)
    try:
        with put_off(name):
            from json.decoder import JSONDecodeError, JSONDecoder  # noqa: PLC0415 - the stand-ins

            stand_in: object = JSONDecoder
            assert stand_in is not kept.JSONDecoder

            class Mine(JSONDecoder):
                pass

        assert sys.modules.get(name) is not stand_in
        assert JSONDecoder().decode("[1]") == [1]
        real = sys.modules[name]
        assert isinstance(real.JSONDecoder(), JSONDecoder) and not isinstance(1, JSONDecoder)
        assert issubclass(Mine, JSONDecoder) and Mine.__mro__[1] is real.JSONDecoder
        assert JSONDecodeError("no", "x", 0).pos == 0
    finally:
        sys.modules[name] = kept


def test_a_module_that_is_there_stays_and_a_failure_leaves_no_stand_in() -> None:
    with pytest.raises(ZeroDivisionError), put_off("a_module_of_nobody"):
        assert isinstance(sys.modules["a_module_of_nobody"], ModuleType)
        _ = 1 / 0
    assert "a_module_of_nobody" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        __import__("a_module_of_nobody")

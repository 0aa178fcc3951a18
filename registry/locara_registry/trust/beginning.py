"""The first start of an instance: made beside its place, and put there when it is whole."""

from __future__ import annotations

import contextlib
import shutil

from locara.trust.refusal import TrustError
from locara_registry.home import Home
from locara_registry.trust.instance import log_key
from locara_registry.trust.keys import Keys
from locara_registry.trust.log.log import Log
from locara_registry.trust.moments import SYSTEM, Moments
from locara_registry.trust.published import publish
from locara_registry.trust.record import Record
from locara_registry.trust.setup import Setup
from locara_registry.trust.token_place import TokenPlace


def begin(
    home: Home, roots: Keys, record: Record, moments: Moments = SYSTEM, *, token: TokenPlace | None = None
) -> Record:
    """Make keys, certificates, log and published files of a new instance. Killed or failed, there is none.

    With ``token`` the online keys are made in it; those that a failed start left there are removed again.
    The root keys are made in ``roots``; those of a failed start are of no use to anybody and may be removed.
    Raises TrustError, LogRefused, and OSError when the place is taken.
    """
    making = Home(home.root.with_name(f".{home.root.name}.making"))
    if making.root.exists():  # left by one that was killed
        shutil.rmtree(making.root)
    making.make()
    if token is not None:
        token.write(making.token)
    keys, before = making.keys, frozenset[str]()
    try:
        before = frozenset(keys.names())
        record = Setup(keys, roots, moments).begin(record)
        Log.create(making.log, making.public_log, log_key(record, keys)).close()
        record.write(making.instance)
        publish(making, record)
        making.root.rename(home.root)
    except BaseException:
        with contextlib.suppress(
            TrustError
        ):  # a token that is gone cannot be tidied, and is not why we are here
            for name in set(keys.names()) - before:
                keys.destroy(name)
        shutil.rmtree(making.root, ignore_errors=True)
        raise
    return record

"""The two files that clients get, written whole whenever the instance changes."""

from __future__ import annotations

import json

from locara.trust.bundle.instance import TrustInstance
from locara_registry.home import Home
from locara_registry.trust import private_files
from locara_registry.trust.record import Record
from locara_registry.trust.trusted_root import client_config, trust_instance


def publish(home: Home, record: Record) -> None:
    """Write `trust-instance.json` and `client-config.json`. What our own client would refuse is not written.

    Raises TrustError.
    """
    instance = trust_instance(record)
    TrustInstance.read(instance).whole()
    config = (json.dumps(client_config(record), indent=2, sort_keys=True) + "\n").encode()
    home.published.mkdir(mode=0o755, exist_ok=True)
    for name, content in (("trust-instance.json", instance), ("client-config.json", config)):
        private_files.write(home.published / name, content, mode=private_files.PUBLIC, replace=True)

"""The bytes of an app's locara.json, for who does not read what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from locara.errors import LocaraError
from locara.plain_files import NotPlainError, open_plain

MANIFEST_NAME: Final = "locara.json"
_READ_LIMIT: Final = (
    262_145  # one byte above the manifest's own cap, so that the parser refuses what is larger
)


class BundleError(LocaraError):
    """The path does not hold an app. Codes: `not_an_app`, `unreadable`."""

    code = "unreadable"


def read_manifest(path: Path) -> bytes:
    """The bytes of a manifest. Raises BundleError when it is a link, no plain file or cannot be read."""
    try:
        # Not a link, and no wait when somebody put a fifo there.
        file = open_plain(path)
    except FileNotFoundError as error:
        raise BundleError(
            f"{path.parent} is not an app: it has no {MANIFEST_NAME}",
            code="not_an_app",
            fix=f"name a folder that holds a {MANIFEST_NAME}",
        ) from error
    except NotPlainError as error:
        raise BundleError(f"{path} is not a regular file", code="not_an_app") from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        return file.read(_READ_LIMIT)

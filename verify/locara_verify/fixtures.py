"""Where the inputs kept as data are: beside the sources in a checkout, inside the package when installed."""

from __future__ import annotations

from pathlib import Path


def fixtures_dir() -> Path:
    """The folder of fixtures. It need not exist where no data is installed; checks say what they miss."""
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent / "fixtures"
    return checkout if checkout.is_dir() else package / "data"

"""How updates are fetched: plain GET requests over one connection, with bounds on size and time.

Nothing identifies the person: no cookies, no credentials, no proxy settings of the environment. Redirects are not
followed. TUF needs no trust in the server or the line; https keeps others from seeing what is fetched, and plain
http is for this machine alone.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface

import locara
from locara.trust.repository.address import LOCAL

_CHUNK: Final = 65_536


class Fetcher(FetcherInterface):
    """GET requests to one server. ``requests`` counts them.

    silence: seconds without a byte until the connection counts as broken. seconds: for one whole answer.
    """

    def __init__(
        self,
        *,
        silence: float = 20.0,
        seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.requests = 0
        self._silence = silence
        self._seconds = seconds
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None
        self._origin = ("", "", 0)

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.requests += 1
        parts = urlsplit(url)
        target = parts.path or "/"
        try:
            response = self._ask(parts.scheme, parts.hostname or "", parts.port, target)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise DownloadError(
                f"{parts.netloc} cannot be reached: {error or type(error).__name__}"
            ) from error
        if response.status != 200:
            self.close()
            raise DownloadHTTPError(f"{parts.netloc} answers {response.status}", response.status)
        if response.getheader("Content-Encoding", "identity") != "identity":
            self.close()
            raise DownloadError(f"{parts.netloc} sends the answer encoded, though it was asked not to")
        return self._pieces(response, parts.netloc)

    def _pieces(self, response: http.client.HTTPResponse, host: str) -> Iterator[bytes]:
        ends = self._clock() + self._seconds
        whole = False
        try:
            while piece := response.read1(_CHUNK):
                if self._clock() > ends:
                    raise SlowRetrievalError(
                        f"{host} takes more than {self._seconds:.0f} seconds for one answer"
                    )
                yield piece
            if response.length:
                raise DownloadError(f"{host} ended its answer early")
            whole = True
            response.close()
        except TimeoutError as error:
            raise SlowRetrievalError(f"{host} stopped answering") from error
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(f"{host} stopped answering: {error or type(error).__name__}") from error
        finally:
            if not whole:
                self.close()

    def _ask(self, scheme: str, host: str, port: int | None, target: str) -> http.client.HTTPResponse:
        origin = (scheme, host, port or 0)
        if self._origin != origin:
            self.close()
        reused = self._connection is not None
        connection = self._connection or self._connect(scheme, host, port)
        self._connection, self._origin = connection, origin
        try:
            return self._once(connection, target)
        except (OSError, http.client.HTTPException):
            if not reused:
                raise
            self.close()  # an idle connection that the server ended in the meantime: once more on a new one
            self._connection, self._origin = self._connect(scheme, host, port), origin
            return self._once(self._connection, target)

    def _once(self, connection: http.client.HTTPConnection, target: str) -> http.client.HTTPResponse:
        headers = {"User-Agent": f"locara/{locara.__version__}", "Accept-Encoding": "identity"}
        connection.request("GET", target, headers=headers)
        return connection.getresponse()

    def _connect(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._silence, context=context)
        if scheme != "http" or host not in LOCAL:
            raise DownloadError(f"{host} is not asked without https")
        return http.client.HTTPConnection(host, port, timeout=self._silence)

    def close(self) -> None:
        """End the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

"""LC324: what a server says of its bytes proves nothing about them, and an entry shares its file with nobody.

Wrong bytes come with every field that claims they are right; and whatever a model was taken from is written over
afterwards, in place, as whoever owns it may.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from locara.core.digest import Digest
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.ground import Server, answer
from locara_verify.context import Context

RULE: Final = "LC324"
Get = Callable[[Path, Server, bytes], tuple[str, int]]


def claims(data: bytes) -> tuple[str, ...]:
    """Fields by which servers, stores and mirrors say what the digest of their answer is."""
    sha, md5 = hashlib.sha256(data), hashlib.md5(data, usedforsecurity=False)
    text, code = sha.hexdigest(), base64.b64encode(sha.digest()).decode()
    return (
        f"Repr-Digest: sha-256=:{code}:", f"Content-Digest: sha-256=:{code}:", f"Digest: SHA-256={code}",
        f"Content-MD5: {base64.b64encode(md5.digest()).decode()}", f'ETag: "{text}"', f'X-Linked-ETag: "{text}"',
        f"X-Linked-Size: {len(data)}", f"X-Checksum-Sha256: {text}", f"X-Content-SHA256: {text}",
        f"X-Amz-Checksum-Sha256: {code}", f"X-Amz-Content-Sha256: {text}", f"X-Goog-Hash: sha256={code}",
        f"Docker-Content-Digest: sha256:{text}", f"X-Sha256: {text}", "X-Verified: true", "Content-Disposition: "
        f'attachment; filename="sha256-{text}.gguf"',
    )  # fmt: skip


def claimed(ctx: Context, tally: Tally, host: Server, rng: random.Random, get: Get) -> None:
    """As many other bytes, whole and as the rest of a file, with all of these fields of the pinned ones."""
    data, other = rng.randbytes(6_000), rng.randbytes(6_000)
    size, half = len(data), 2_000
    said = claims(data)

    def whole(_request: bytes) -> bytes:
        return answer(200, *said, body=other)

    def rest(request: bytes) -> bytes:
        if b"range:" not in request.lower():
            return answer(200, *said, body=data[:half]).replace(
                b"Content-Length: 2000", b"Content-Length: 6000"
            )
        return answer(206, *said, f"Content-Range: bytes {half}-{size - 1}/{size}", body=other[half:])

    for what, reply in (("whole", whole), ("in two parts", rest)):
        host.answers = reply
        place = ctx.fresh_dir("claimed") / "cache"
        code, _ = get(place, host, data)
        blob = place / Digest.of(data).hex / "model.gguf"
        there = blob.exists() and blob.read_bytes() != data
        tally.attacks += 1
        told = f"{what}: {code or 'taken'}"
        tally.expect(RULE, bool(code) and not there, "a server's word for its bytes was believed", told)


def own_file(ctx: Context, tally: Tally, rng: random.Random) -> None:
    """A file is imported, and got from an index beside it; then its owner writes into it."""
    from locara.models.cache import ModelCache  # noqa: PLC0415 - loads the framework
    from locara.models.fetch import Wanted, fetch  # noqa: PLC0415
    from locara.models.web import Web  # noqa: PLC0415

    data = rng.randbytes(3_000)
    digest = Digest.of(data)
    for way in ("imported", "from beside an index"):
        world = ctx.fresh_dir("own")
        source, cache = world / "model.gguf", ModelCache(world / "cache")
        source.write_bytes(data)
        source.chmod(0o640)
        if way == "imported":
            cache.add_file(source, expected=digest)
        else:
            fetch(cache, Wanted(digest, len(data), (source,), {"id": "demo"}), web=Web(timeout=1.0))
        mode = source.stat().st_mode & 0o777
        with source.open("r+b") as file:
            file.write(b"written later")
        blob = cache.root / digest.hex / "model.gguf"
        tally.attacks += 1
        told = f"{way}: {blob.stat().st_nlink} names, the source has the mode {mode:04o}"
        held = blob.read_bytes() == data and blob.stat().st_nlink == 1
        tally.expect(RULE, held, "an entry changes with the file that it was taken from", told)
        tally.expect(RULE, mode == 0o640, "taking a file changed it", told)


def by_name(tally: Tally, rng: random.Random) -> None:
    """Indexes with another file under the pinned name: a source is of the pinned bytes, or there is none."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.models.index import parse_index  # noqa: PLC0415
    from locara.models.pin import Pin  # noqa: PLC0415
    from locara.models.sources import find_source  # noqa: PLC0415

    pin = Pin("demo", Digest(rng.randbytes(32).hex()))
    entry = {
        "id": pin.id, "version": "1", "displayName": "Demo", "license": "MIT", "modality": "text-to-text", "size": 9,
    }  # fmt: skip
    other = entry | {"sha256": rng.randbytes(32).hex(), "urls": ["other.gguf"]}
    right = entry | {"id": "renamed", "sha256": pin.digest.hex, "urls": ["right.gguf"]}
    none: list[dict[str, object]] = []
    for listed in ([[other]], [[other], [right]], [[other, right]], [[right], [other]], [none]):
        texts = [json.dumps({"schema": "locara-models/1", "models": models}).encode() for models in listed]
        try:
            found = find_source(pin, [parse_index(text, place=Path("/models/index.json")) for text in texts])
            said = f"{found.pin} from {', '.join(Path(str(one)).name for one in found.sources)}"
        except ModelError as error:
            said = error.code
        due = f"{pin} from right.gguf" if any(right in models for models in listed) else "unknown_model"
        tally.attacks += 1
        tally.expect(RULE, said == due, "a pin is looked up by its name", f"{said}, not {due}"[:300])

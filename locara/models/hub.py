"""`hf:<org>/<repo>/<file>[@revision]`: what the hub's own metadata says about one file of a model.

Three requests and no download: the revision is resolved to a commit, `paths-info` names size and sha256 of
the file at that commit, and the headers of its download address have to agree with both.
"""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import quote

from locara.core import strict_json
from locara.core.digest import Digest
from locara.core.paths import is_portable
from locara.core.strict_json import JSON
from locara.core.vocabulary import LICENSES, MODALITIES
from locara.errors import ManifestError, ModelError
from locara.models.index import MAX_MODEL, Entry
from locara.models.web import Url, Web
from locara.records import dataclass

SCHEME: Final = "hf:"
HUB: Final = "https://huggingface.co"  # what the scheme stands for; another endpoint is named explicitly
MAX_METADATA: Final = 4 << 20
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_FORMS = "write hf:<organisation>/<repository>/<file>, with @<branch, tag or commit> if it is not main"


@dataclass(frozen=True, slots=True)
class HubRef:
    """A file of a repository at a revision, as a person writes it."""

    repository: str
    path: str
    revision: str = "main"

    @staticmethod
    def parse(text: str) -> HubRef:
        """Read `hf:org/repo/path/to/file[@revision]`. Raises ModelError `bad_format`."""
        name, _, revision = text.removeprefix(SCHEME).partition("@")
        organisation, _, rest = name.partition("/")
        repository, _, path = rest.partition("/")
        plain = all(_NAME.fullmatch(part) and ".." not in part for part in (organisation, repository))
        revision = revision or ("" if text.endswith("@") else "main")
        if (
            not text.startswith(SCHEME)
            or not plain
            or not is_portable(path)
            or _REVISION.fullmatch(revision) is None
            or ".." in revision
            or "//" in revision
        ):
            raise ModelError(f"{text[:120]!a} does not name a file of the hub", fix=_FORMS)
        return HubRef(f"{organisation}/{repository}", path, revision)


@dataclass(frozen=True, slots=True)
class HubFile:
    """What the hub says of one file at one commit. licence: an SPDX id, or LicenseRef-…, or `unknown`."""

    ref: HubRef
    commit: str
    digest: Digest
    size: int
    license: str
    url: Url

    def entry(self, model_id: str, modality: str) -> Entry:
        """The index entry that lets `locara models pull` get this file, from this commit."""
        return Entry.model_validate(
            {
                "id": model_id,
                "version": self.commit[:12],
                "displayName": f"{self.ref.repository} {self.ref.path}"[:80].strip(),
                "license": self.license,
                "modality": modality,
                "size": self.size,
                "sha256": self.digest.hex,
                "urls": [str(self.url)],
            }
        )


def look_up(ref: HubRef, web: Web, *, hub: str = HUB) -> HubFile:
    """Ask the hub for a file's commit, size, digest and licence.

    Raises ModelError: `unknown_model` when it has no such file or asks for credentials, `bad_format` when the
    file has no sha256 there (it is not kept as a large file), `digest_mismatch` when its two answers differ,
    `unreachable`, `bad_address`.
    """
    base = Url.parse(hub)
    if base.target not in {"", "/"}:
        raise ModelError("a hub is named by scheme and host alone", code="bad_address")
    facts = _json(web, base.join(f"/api/models/{ref.repository}/revision/{quote(ref.revision, safe='')}"))
    commit = facts.get("sha") if isinstance(facts, dict) else None
    if not isinstance(commit, str) or _COMMIT.fullmatch(commit) is None:
        raise ModelError(f"{base.origin} names no commit for {ref.revision}")
    body = json.dumps({"paths": [ref.path], "expand": False}).encode()
    listed = _json(web, base.join(f"/api/models/{ref.repository}/paths-info/{commit}"), body)
    digest, size = _large_file(listed, ref, base)
    url = base.join(f"/{ref.repository}/resolve/{commit}/{quote(ref.path)}")
    _agree(web, url, digest, size, commit)
    return HubFile(ref, commit, digest, size, _license(facts), url)


def model_id(path: str) -> str:
    """A model id for a file name: its last part without ending, in the characters a pin may have."""
    name = path.rpartition("/")[2].lower().removesuffix(".gguf")
    return re.sub(r"[^a-z0-9._-]+", "-", name).lstrip("._-")[:64] or "model"


def modality_of(facts: str) -> str:
    """The modality itself when it is one of the closed list. Raises ModelError `bad_format`."""
    if facts not in MODALITIES:
        raise ModelError(f"{facts[:40]!a} is not a modality", fix=", ".join(MODALITIES))
    return facts


def _json(web: Web, url: Url, body: bytes | None = None) -> JSON:
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    with web.ask(url, method="GET" if body is None else "POST", headers=headers, body=body) as answer:
        if answer.status in {401, 403, 404}:
            raise _absent(url)
        if answer.status != 200:
            raise ModelError(f"{url.origin} answers {answer.status}", code="unreachable")
        data = answer.read_all(MAX_METADATA)
    try:
        return strict_json.parse(data, max_bytes=MAX_METADATA, source=url.origin).value
    except ManifestError as error:
        raise ModelError(f"{url.origin} answers with something that is not JSON") from error


def _large_file(listed: JSON, ref: HubRef, base: Url) -> tuple[Digest, int]:
    found = [
        item for item in (listed if isinstance(listed, list) else []) if isinstance(item, dict)
        and item.get("path") == ref.path and item.get("type") == "file"
    ]  # fmt: skip
    if len(found) != 1:
        raise _absent(base)
    large, size = found[0].get("lfs"), found[0].get("size")
    oid = large.get("oid") if isinstance(large, dict) else None
    if not isinstance(large, dict) or not isinstance(oid, str):
        raise ModelError(
            f"the hub keeps {ref.path} as a small file and names no sha256 for it",
            fix="download it yourself and add it with `locara models import FILE`",
        )
    try:
        digest = Digest(oid.removeprefix("sha256:"))
    except ValueError as error:
        raise ModelError(f"the hub names no sha256 for {ref.path}") from error
    if type(size) is not int or not 0 < size <= MAX_MODEL or large.get("size", size) != size:
        raise ModelError(f"the hub names no single size for {ref.path}")
    return digest, size


def _agree(web: Web, url: Url, digest: Digest, size: int, commit: str) -> None:
    """The headers of the download address, read without following it, say the same as the listing."""
    with web.ask(url, method="HEAD", follow=False) as answer:
        if answer.status in {401, 403, 404}:
            raise _absent(url)
        etag = answer.header("X-Linked-ETag").removeprefix("W/").strip('"')
        told = (etag, answer.header("X-Linked-Size"), answer.header("X-Repo-Commit"))
    for name, said, expected in zip(
        ("digest", "size", "commit"), told, (digest.hex, str(size), commit), strict=True
    ):
        if said and said != expected:
            raise ModelError(
                f"the hub names two different values for the {name}: {said[:80]!a} and {expected}",
                code="digest_mismatch",
                fix="try again later, or name another revision",
            )


def _license(facts: JSON) -> str:
    tags = facts.get("tags") if isinstance(facts, dict) else None
    names = [tag[8:] for tag in tags or () if isinstance(tag, str) and tag.startswith("license:")]
    if len(names) != 1:
        return "unknown"
    known = {name.lower(): name for name in LICENSES}
    plain = re.sub(r"[^0-9A-Za-z.-]+", "-", names[0]).strip("-.")[:40]
    return known.get(names[0].lower()) or (f"LicenseRef-{plain}" if plain else "unknown")


def _absent(url: Url) -> ModelError:
    return ModelError(
        f"{url.origin} shows no such file, or shows it only to people who have signed in",
        code="unknown_model",
        fix="check organisation, repository, file and revision; a gated file is downloaded by you and added "
        "with `locara models import FILE`",
    )

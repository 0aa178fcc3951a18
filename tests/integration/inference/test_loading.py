"""Only the pinned bytes are loaded; hostile files never bring a process down."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import InferenceError, ModelError
from locara.inference.engines import Engines
from locara.inference.llama_cpp import load_chat, load_embed


def test_one_flipped_bit_anywhere_is_refused(chat_file: tuple[Path, Digest], tmp_path: Path) -> None:
    source, digest = chat_file
    copy = tmp_path / "model.gguf"
    copy.write_bytes(source.read_bytes())
    load_chat(copy, digest).close()  # the twin: the untouched copy loads
    size = copy.stat().st_size
    rng = random.Random(5)
    for at in (0, 8, size // 2, size - 1, *(rng.randrange(size) for _ in range(8))):
        data = bytearray(source.read_bytes())
        data[at] ^= 1 << rng.randrange(8)
        copy.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            load_chat(copy, digest)
        assert caught.value.code == "digest_mismatch"


def test_a_longer_and_a_shorter_file_are_refused(chat_file: tuple[Path, Digest], tmp_path: Path) -> None:
    source, digest = chat_file
    copy = tmp_path / "model.gguf"
    for data in (source.read_bytes() + b"\0", source.read_bytes()[:-1], b""):
        copy.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            load_chat(copy, digest)
        assert caught.value.code == "digest_mismatch"


def test_absent_files_links_and_folders(chat_file: tuple[Path, Digest], tmp_path: Path) -> None:
    source, digest = chat_file
    link = tmp_path / "link"
    link.symlink_to(source)
    for path in (tmp_path / "absent", tmp_path, link):
        with pytest.raises(ModelError) as caught:
            load_chat(path, digest)
        assert caught.value.code == "not_cached"


def test_a_pinned_file_that_is_no_model_is_bad_format(tmp_path: Path) -> None:
    for data in (b"", b"GGUF", b"PK\3\4" + bytes(100), b"\x80\x04\x95cos\nsystem\n"):
        path = tmp_path / "model.gguf"
        path.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            load_chat(path, Digest.of(data))
        assert caught.value.code == "bad_format"


def test_a_model_of_the_other_kind_is_refused(
    chat_file: tuple[Path, Digest], embed_file: tuple[Path, Digest]
) -> None:
    with pytest.raises(InferenceError) as caught:
        load_embed(*chat_file)
    assert caught.value.code == "model_error"
    with pytest.raises(InferenceError) as caught:
        load_chat(*embed_file)
    assert caught.value.code == "model_error"


def test_models_are_loaded_once_and_only_from_where_they_are_located(chat_file: tuple[Path, Digest]) -> None:
    path, digest = chat_file
    asked = []

    def locate(wanted: Digest) -> Path | None:
        asked.append(wanted)
        return path if wanted == digest else None

    models = Engines(locate)
    with models.chat(digest) as one, models.chat(digest) as other:
        assert one is other
    assert asked == [digest]
    with pytest.raises(ModelError) as caught, models.chat(Digest.of(b"other")):
        pass
    assert caught.value.code == "not_cached"
    models.close()
    models.close()


LOADER = """
import io, sys
from pathlib import Path
from locara.core.digest import Digest
from locara.errors import LocaraError
from locara.inference.llama_cpp import load_chat
for name in sys.argv[1:]:
    path = Path(name)
    try:
        load_chat(path, Digest.of(path.read_bytes())).close()
        print("loaded")
    except LocaraError as error:
        print(error.code)
"""


def test_damaged_headers_with_a_matching_pin_never_crash_the_loader(
    chat_file: tuple[Path, Digest], tmp_path: Path
) -> None:
    """Somebody may pin a hostile file: what our reader lets pass must not crash the native one either."""
    data = chat_file[0].read_bytes()
    rng = random.Random(11)
    files = []
    for number in range(60):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(24, 20_000)
            damaged[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(damaged)
        files.append(str(path))
    run = subprocess.run(
        [sys.executable, "-c", LOADER, *files], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    codes = run.stdout.split()
    assert len(codes) == 60
    assert set(codes) <= {"loaded", "bad_format", "model_error"}

import pytest

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.pin import Pin

HEX = "0123456789abcdef" * 4


def test_a_pin_is_read_and_written_back() -> None:
    pin = Pin.parse(f"qwen2.5-3b_q4@sha256:{HEX}")
    assert pin == Pin("qwen2.5-3b_q4", Digest(HEX))
    assert str(pin) == f"qwen2.5-3b_q4@sha256:{HEX}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name@",
        f"@sha256:{HEX}",
        f"sha256:{HEX}",
        f"Name@sha256:{HEX}",
        f"na me@sha256:{HEX}",
        f"../x@sha256:{HEX}",
        f"a/b@sha256:{HEX}",
        f"name\n@sha256:{HEX}",
        f"{'n' * 65}@sha256:{HEX}",
        f"name@sha256:{HEX.upper()}",
        f"name@sha256:{HEX[:-1]}",
        f"name@sha256:{HEX}0",
        f"name@sha256:{HEX}\n",
        f"name@md5:{HEX}",
        f"name@sha256:{HEX}@sha256:{HEX}",
        f"\u0456d@sha256:{HEX}",
    ],
)
def test_anything_else_is_refused_with_its_code(text: str) -> None:
    with pytest.raises(ModelError) as caught:
        Pin.parse(text)
    assert caught.value.code == "bad_format"
    assert "sha256:<64" in caught.value.diagnostics()

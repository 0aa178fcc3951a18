"""An instance whose keys are in a hardware token, played by SoftHSM: a real PKCS#11 module without the hardware."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fixtures.trust.world import BUILD, BUILDER, COMMIT, DIGEST, SOURCE, provenance_of
from locara.trust.attestation import Expectation, verify_strict
from locara.trust.bundle.instance import TrustInstance
from locara.trust.refusal import Reason, TrustError
from locara_registry.__main__ import main
from locara_registry.home import Home
from locara_registry.trust.instance import Instance
from locara_registry.trust.key_files import FileKeys
from locara_registry.trust.key_tokens import TokenKeys
from locara_registry.trust.keys import Algorithm
from locara_registry.trust.record import Record, Role
from locara_registry.trust.signing import sign_statement
from locara_registry.trust.token_place import TokenPlace
from locara_registry.trust.trusted_root import trust_instance

MODULE = next(
    (
        place
        for folder in ("/usr/lib/softhsm", "/usr/lib64/pkcs11", "/opt/homebrew/lib/softhsm", "/usr/local/lib/softhsm")
        if (place := Path(folder) / "libsofthsm2.so").is_file()
    ),
    None,
)  # fmt: skip
PIN = "271828"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The module, with three fresh tokens: ``work``, ``shut`` and ``odd``."""
    if MODULE is None:
        lacking = "SoftHSM is not installed (Debian: softhsm2), so keys in tokens were NOT tested"
        if os.environ.get("LOCARA_LONG"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        for label in ("work", "shut", "odd"):
            line = [
                "softhsm2-util",
                "--init-token",
                "--free",
                "--label",
                label,
                "--pin",
                PIN,
                "--so-pin",
                "0000",
            ]
            subprocess.run(line, check=True, capture_output=True)
        yield MODULE


def pin_file(folder: Path, pin: str = PIN) -> Path:
    place = folder / "pin"
    place.write_text(f"{pin}\n")
    place.chmod(0o600)
    return place


def keys(module: Path, label: str, folder: Path, pin: str = PIN) -> TokenKeys:
    return TokenKeys(
        TokenPlace(module=module, label=label, pin_file=pin_file(folder, pin)), FileKeys(folder / "files")
    )


def refused(reason: Reason, keys: TokenKeys, name: str = "authority-1") -> str:
    with pytest.raises(TrustError) as caught:
        keys.open(name)
    assert caught.value.reason is reason and caught.value.exit_code == 5, caught.value
    assert PIN not in str(caught.value)
    return caught.value.message


def test_an_instance_in_a_token_signs_what_a_client_believes(
    tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path / "home")
    line = [
        "trust",
        "init",
        "--home",
        str(home.root),
        "--name",
        "hsm.example",
        "--root-keys",
        str(tmp_path / "r"),
    ]
    line += ["--pkcs11", str(tokens), "--token", "work", "--pin-file", str(pin_file(tmp_path))]
    assert main(line) == 0, capsys.readouterr().err
    assert PIN not in home.token.read_text()
    online = home.keys
    assert {online.where(name) for name in online.names()} == {"token work"}
    assert list(home.root.glob("keys/*")) == [], "no private key is in a file"
    instance = Instance.open(home)
    with closing(instance.log):
        raw = sign_statement(instance, BUILD, provenance_of())
        client = TrustInstance.read(trust_instance(instance.record))
    want = Expectation(DIGEST, SOURCE, BUILDER, BUILDER, COMMIT)
    believed = verify_strict(raw, client, want, now=datetime.now(UTC), recalled=lambda _: None)
    assert believed.signer.identity == BUILDER
    capsys.readouterr()
    assert main(["trust", "status", "--home", str(home.root)]) == 0
    assert capsys.readouterr().out.count("(token work)") == len(Role)
    # A key in the token that is not the published one: the same label, another curve.
    name = Record.read(home.instance).at_work(Role.AUTHORITY).key
    online.destroy(name)
    online.create(name, Algorithm.P384)
    with pytest.raises(TrustError) as caught:
        Instance.open(home)
    assert caught.value.reason is Reason.MATERIAL_UNTRUSTED and name in caught.value.message
    assert main(["trust", "status", "--home", str(home.root)]) == 5
    assert "is not the one that is published" in capsys.readouterr().err


def test_a_start_that_fails_leaves_no_key_in_the_token(tokens: Path, tmp_path: Path) -> None:
    store = keys(tokens, "odd", tmp_path)
    before = store.names()
    (tmp_path / "home").mkdir(mode=0o700)
    (
        tmp_path / "home" / "canary"
    ).touch()  # taken between the look and the move: what a second start would do
    from locara_registry.trust.beginning import begin  # noqa: PLC0415

    record = Record(
        name="b.example", url="https://b.example", issuer="https://b.example/ci", origin="b.example/log"
    )
    with pytest.raises(OSError, match="not empty"):
        begin(Home(tmp_path / "home"), FileKeys(tmp_path / "roots"), record, token=store.place)
    assert store.names() == before


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_kind_of_key_signs_in_the_token_and_never_leaves_it(
    algorithm: Algorithm, tokens: Path, tmp_path: Path
) -> None:
    store = keys(tokens, "odd", tmp_path)
    name = f"one-{algorithm}"
    key = store.create(name, algorithm)
    for again in (key, store.open(name)):
        if isinstance(again, ec.EllipticCurvePrivateKey):
            how = ec.ECDSA(hashes.SHA384())
            again.public_key().verify(again.sign(b"message", how), b"message", how)
            with pytest.raises(ValueError, match="plain ECDSA"):
                again.sign(b"message", ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        else:
            again.public_key().verify(again.sign(b"message"), b"message")
        with pytest.raises(TrustError):
            again.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(FileExistsError):
        store.create(name, algorithm)
    store.destroy(name)
    assert name not in store.names()
    refused(Reason.MATERIAL_MISSING, store, name)


def test_a_wrong_pin_has_its_own_code_and_the_right_one_opens(tokens: Path, tmp_path: Path) -> None:
    assert "PIN" in refused(Reason.MATERIAL_LOCKED, keys(tokens, "shut", tmp_path, "314159"))
    good = keys(tokens, "shut", tmp_path)
    (tmp_path / "pin").chmod(0o640)
    assert "mode 0640" in refused(Reason.MATERIAL_UNTRUSTED, good)
    (tmp_path / "pin").chmod(0o600)
    good.create("authority-1", Algorithm.P256)
    assert good.open("authority-1").public_key()


def test_what_is_not_there_is_missing_and_what_is_no_module_is_not_trusted(
    tokens: Path, tmp_path: Path
) -> None:
    assert "absent" in refused(Reason.MATERIAL_MISSING, keys(tokens, "absent", tmp_path))
    assert "module" in refused(Reason.MATERIAL_MISSING, keys(tmp_path / "none.so", "work", tmp_path))
    (tmp_path / "text.so").write_text("no library")
    refused(Reason.MATERIAL_UNTRUSTED, keys(tmp_path / "text.so", "work", tmp_path))


def test_a_key_that_could_leave_the_token_or_is_there_twice_is_refused(tokens: Path, tmp_path: Path) -> None:
    from pkcs11 import Attribute, KeyType  # noqa: PLC0415
    from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415

    store = keys(tokens, "odd", tmp_path)
    with store._session() as session:
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        domain = session.create_domain_parameters(KeyType.EC, curve, local=True)
        for label, loose in (("loose", True), ("tight", False), ("twice", False), ("twice", False)):
            domain.generate_keypair(
                store=True,
                label=label,
                private_template={Attribute.EXTRACTABLE: loose, Attribute.SENSITIVE: True},
            )
    assert store.open("tight").public_key()
    assert "taken out" in refused(Reason.MATERIAL_UNTRUSTED, store, "loose")
    assert "twice" in refused(Reason.MATERIAL_UNTRUSTED, store, "twice")
    store.files.create("tight", Algorithm.P256)
    assert "in a file and in the token" in refused(Reason.MATERIAL_UNTRUSTED, store, "tight")


def test_a_token_file_names_a_whole_path_and_belongs_to_its_owner(tmp_path: Path) -> None:
    place = TokenPlace(module=Path("/usr/lib/token.so"), label="work")
    place.write(tmp_path / "token.json")
    assert TokenPlace.read(tmp_path / "token.json") == place
    for change in ({"module": "token.so"}, {"label": "a\nb"}, {"pin": PIN}):
        (tmp_path / "token.json").write_text(json.dumps({**place.model_dump(mode="json"), **change}))
        with pytest.raises(TrustError):
            TokenPlace.read(tmp_path / "token.json")
    (tmp_path / "token.json").chmod(0o644)
    with pytest.raises(TrustError, match="mode 0644"):
        TokenPlace.read(tmp_path / "token.json")


def test_nobody_to_ask_is_refused_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115, PTH123
    with pytest.raises(TrustError) as caught:
        TokenPlace(module=Path("/usr/lib/token.so"), label="work").pin()
    assert caught.value.reason is Reason.MATERIAL_LOCKED

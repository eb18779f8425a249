"""Who may write to a registry, and whose documents are read."""

import json
import shutil
import stat

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from sklearn.linear_model import LogisticRegression

from edml.exceptions import RegistryError
from edml.registry import ModelRegistry, generate_keys
from edml.registry._protocol import canonical, seal, unseal
from edml.registry._signing import NO_KEYS, Keys

pytestmark = pytest.mark.usefixtures("try_each_model_once")

PLACE = {"registry": "risk", "version": 3}
BODY = {"files": {}}


@pytest.fixture
def pair(tmp_path):
    """Return a function that writes a named pair, and returns both paths."""

    def write(name):
        public, _ = generate_keys(tmp_path / name)
        return tmp_path / name, public

    return write


def fitted(C=1.0):
    return LogisticRegression(C=C).fit([[0.0], [1.0]], [0, 1])


def files(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("key", ["text", b"", 3, bytearray(b"x")])
def test_a_secret_is_bytes(key, tmp_path):
    with pytest.raises(RegistryError, match="Expected key=None or at least one byte"):
        ModelRegistry(tmp_path, key=key)


# -- Ed25519 ------------------------------------------------------------------------


def test_a_trainer_writes_and_a_reader_reads(tmp_path, pair):
    private, public = pair("trainer")
    trainer = ModelRegistry(tmp_path / "r", private_key=private)
    trainer.register(fitted())
    trainer.promote(1)
    reader = ModelRegistry(tmp_path / "r", public_keys=[public])
    assert reader.load("production").predict([[2.0]]) == [1]
    assert reader.verify() == trainer.verify() == []
    assert reader.history()["what"].tolist() == ["register", "promote"]


def test_a_reader_writes_nothing(tmp_path, pair):
    private, public = pair("trainer")
    ModelRegistry(tmp_path / "r", private_key=private).register(fitted())
    before = files(tmp_path / "r")
    reader = ModelRegistry(tmp_path / "r", public_keys=[public])
    for write in (
        lambda: reader.register(fitted()),
        lambda: reader.promote(1),
        reader.clean,
    ):
        with pytest.raises(RegistryError, match="found only public keys"):
            write()
    assert files(tmp_path / "r") == before


def test_an_unsigned_change_of_a_signed_registry_is_rejected(tmp_path, pair):
    private, _ = pair("trainer")
    for name, keys in (("a", {"key": b"k"}), ("b", {"private_key": private})):
        signed = ModelRegistry(tmp_path / "r", name, **keys)
        for C in (1.0, 2.0, 3.0):
            signed.register(fitted(C))
        signed.promote(1)
        path = signed.export(1, tmp_path / f"{name}.zip")
        before = files(tmp_path / "r")
        forgetful = ModelRegistry(tmp_path / "r", name)
        for write in (
            lambda it: it.register(fitted()),
            lambda it: it.promote(2),
            lambda it: it.demote(1),
            lambda it: it.clean(0),
            lambda it, path=path: it.import_(path),
        ):
            with pytest.raises(RegistryError, match=r"which is signed; found none"):
                write(forgetful)
        assert files(tmp_path / "r") == before
        assert forgetful.load(1).predict([[2.0]]) == [1]  # reading needs no key


def test_the_newest_readable_document_says_whether_a_registry_is_signed(tmp_path):
    signed = ModelRegistry(tmp_path, key=b"k")
    signed.register(fitted())
    signed.promote(1)
    states = tmp_path / "risk" / "state"
    (states / "2.json").write_bytes(b"damaged")
    with pytest.raises(RegistryError, match="which is signed"):
        ModelRegistry(tmp_path).register(fitted())
    for path in states.iterdir():
        path.unlink()  # the records are signed as well
    with pytest.raises(RegistryError, match="which is signed"):
        ModelRegistry(tmp_path).register(fitted())


def test_rotation_and_revocation(tmp_path, pair):
    (old, old_public), (new, new_public) = pair("old"), pair("new")
    ModelRegistry(tmp_path / "r", private_key=old).register(fitted())
    both = [old_public, new_public]
    # A trainer signs with the new key, and trusts the old one until it is retired.
    trainer = ModelRegistry(tmp_path / "r", private_key=new, public_keys=[old_public])
    trainer.promote(1)
    trainer.register(fitted(C=2.0))
    trainer.promote(2)
    reader = ModelRegistry(tmp_path / "r", public_keys=both)
    assert reader.verify() == []
    after = ModelRegistry(tmp_path / "r", public_keys=[new_public])
    assert after.load("production").predict([[2.0]]) == [1]
    with pytest.raises(RegistryError, match="another signature, by the public key"):
        after.load(1)  # nobody trusts what only the revoked key has signed
    outsider = ModelRegistry(tmp_path / "r", private_key=old)
    with pytest.raises(RegistryError, match="another signature"):
        outsider.promote(1)


def test_versions_of_a_revoked_key_can_be_set_aside_or_kept(tmp_path, pair):
    (old, old_public), (new, new_public) = pair("old"), pair("new")
    for C in (1.0, 2.0):
        ModelRegistry(tmp_path / "r", private_key=old).register(fitted(C))
    both = ModelRegistry(tmp_path / "r", private_key=new, public_keys=[old_public])
    path = both.export(1, tmp_path / "one.zip")
    assert both.import_(path).version == 3
    both.promote(3)
    after = ModelRegistry(tmp_path / "r", private_key=new)
    steps = after.repair()
    assert any("Versions [1, 2] are damaged or gone" in step for step in steps)
    assert after.verify() == []
    reader = ModelRegistry(tmp_path / "r", public_keys=[new_public])
    assert reader.verify() == []
    assert reader.load("production").predict([[2.0]]) == [1]
    assert reader.records()["version"].tolist() == [3]


def test_a_change_from_a_secret_to_a_pair(tmp_path, pair):
    private, public = pair("trainer")
    ModelRegistry(tmp_path / "r", key=b"k").register(fitted())
    both = ModelRegistry(tmp_path / "r", key=b"k", private_key=private)
    both.promote(1)
    newest = json.loads((tmp_path / "r" / "risk" / "state" / "2.json").read_bytes())
    assert newest["signature"].startswith("ed25519:")
    reader = ModelRegistry(tmp_path / "r", key=b"k", public_keys=[public])
    assert reader.verify() == []
    with pytest.raises(RegistryError, match="another signature"):
        ModelRegistry(tmp_path / "r", public_keys=[public]).load(1)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.upper(),
        lambda text: text[:-1],
        lambda text: f"{text}0",
        lambda text: f"{text}\n",
        lambda text: text.replace("ed25519", "ed448"),
        lambda text: text.rpartition(":")[2],
        lambda text: f"{text[:-128]}{'0' * 128}",
        lambda text: [text],
        lambda _: "ed25519:",
    ],
    ids=range(9),
)
def test_a_signature_has_one_spelling(pair, change):
    keys = Keys.read(None, pair("trainer")[0], ())
    data = seal("record", PLACE, BODY, keys)
    assert unseal(data, "record", PLACE, keys) == unseal(data, "record", PLACE)
    document = json.loads(data)
    document["signature"] = change(document["signature"])
    with pytest.raises(RegistryError, match="found another signature"):
        unseal(canonical(document), "record", PLACE, keys)


def test_every_flipped_bit_is_seen(pair):
    keys = Keys.read(None, pair("trainer")[0], ())
    data = seal("record", PLACE, BODY, keys)
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(RegistryError, match="Expected the record of version 3"):
            unseal(bytes(flipped), "record", PLACE, keys)


def test_a_public_key_is_no_secret_for_another_signature(pair):
    """A forger knows the public key: an HMAC with it must not pass."""
    keys = Keys.read(None, *_public(pair("trainer")))
    (public,) = keys.public.values()
    forged = seal("record", PLACE, BODY, Keys(public.public_bytes_raw()))
    with pytest.raises(RegistryError, match="found another signature"):
        unseal(forged, "record", PLACE, keys)


def _public(paths):
    return None, [paths[1]]


# -- memory -------------------------------------------------------------------------


def test_a_memory_rejects_an_older_signed_state(tmp_path, pair):
    private, public = pair("trainer")
    trainer = ModelRegistry(tmp_path / "r", private_key=private)
    trainer.register(fitted())
    trainer.promote(1)
    shutil.copytree(tmp_path / "r", tmp_path / "older")
    trainer.register(fitted(C=2.0))
    trainer.promote(2)

    def read(**memory):
        reader = ModelRegistry(tmp_path / "r", public_keys=[public], **memory)
        return reader.record("production").version

    kept = {"memory": tmp_path / "memory.json"}
    assert read(**kept) == read(**kept) == 2
    shutil.rmtree(tmp_path / "r")
    shutil.copytree(tmp_path / "older", tmp_path / "r")
    assert read() == read(memory=tmp_path / "new.json") == 1  # nothing to remember
    with pytest.raises(RegistryError, match=r"Expected generation 4 .* found 2"):
        read(**kept)
    assert json.loads((tmp_path / "memory.json").read_bytes())["generation"] == 4
    for _ in range(3):  # later signed states are accepted again
        ModelRegistry(tmp_path / "r", private_key=private).demote(1)
    with pytest.raises(RegistryError, match="Expected a version in production"):
        read(**kept)
    (tmp_path / "memory.json").unlink()


def test_a_memory_survives_a_repair(tmp_path):
    trainer = ModelRegistry(tmp_path / "r", key=b"k")
    reader = ModelRegistry(tmp_path / "r", key=b"k", memory=tmp_path / "memory")
    trainer.register(fitted())
    trainer.promote(1)
    trainer.demote(1)
    assert reader.record(1).stage == "development"
    (tmp_path / "r" / "risk" / "state" / "3.json").write_bytes(b"{")
    trainer.repair()
    assert reader.record(1).stage == "production"
    assert reader.verify() == []


def test_a_memory_must_be_able_to_hold(tmp_path):
    with pytest.raises(RegistryError, match="Expected a key with memory="):
        ModelRegistry(tmp_path / "r", memory=tmp_path / "memory")
    with pytest.raises(RegistryError, match="outside of the registries"):
        ModelRegistry(tmp_path / "r", key=b"k", memory=tmp_path / "r" / "memory")
    for name in ("\ud800", "a\0"):
        reader = ModelRegistry(tmp_path / "r", key=b"k", memory=tmp_path / name)
        with pytest.raises(RegistryError, match="Expected to write the memory"):
            reader.records()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"12", b'{"registry": "other", "generation": 1}', b"\xff"),
        *(b'{"registry": "risk", "generation": "1"}', b'{"registry": "risk"}'),
    ],
)
def test_a_damaged_memory_is_no_memory_of_nothing(tmp_path, content):
    (tmp_path / "memory").write_bytes(content)
    reader = ModelRegistry(tmp_path / "r", key=b"k", memory=tmp_path / "memory")
    with pytest.raises(RegistryError, match="Expected the memory of registry 'risk'"):
        reader.records()
    assert (tmp_path / "memory").read_bytes() == content


# -- key files ----------------------------------------------------------------------


def test_generated_keys_are_new_files_for_their_owner_only(tmp_path):
    public, name = generate_keys(tmp_path / "trainer.pem")
    assert public == tmp_path / "trainer.pem.pub"
    assert stat.S_IMODE((tmp_path / "trainer.pem").stat().st_mode) == 0o600
    assert list(Keys.read(None, None, [public]).public) == [name]
    before = files(tmp_path)
    with pytest.raises(RegistryError, match="Choose another path"):
        generate_keys(tmp_path / "trainer.pem")
    public.unlink()
    with pytest.raises(RegistryError, match="Choose another path"):
        generate_keys(tmp_path / "trainer.pem")
    assert files(tmp_path).items() <= before.items()
    for name in ("no/trainer.pem", "a\0", "\ud800", "x" * 300, ""):
        with pytest.raises(RegistryError, match="Choose another path"):
            generate_keys(tmp_path / name)


def test_a_wrong_key_file_is_reported_without_its_content(tmp_path, pair):
    private, public = pair("trainer")
    (tmp_path / "text").write_text("SECRET")
    for wrong in (public, tmp_path / "text", tmp_path / "r", tmp_path / "no"):
        with pytest.raises(RegistryError, match="Expected") as caught:
            ModelRegistry(tmp_path / "r", private_key=wrong)
        assert str(wrong) in str(caught.value)
        assert "SECRET" not in str(caught.value)
    for wrong in (private, tmp_path / "text"):
        with pytest.raises(RegistryError, match="Expected the public half"):
            ModelRegistry(tmp_path / "r", public_keys=[wrong])
    with pytest.raises(RegistryError, match="Expected a list of the files"):
        ModelRegistry(tmp_path / "r", public_keys=public)


def test_a_key_of_another_kind_or_with_a_password_is_rejected(tmp_path):
    for key, protection in (
        (x25519.X25519PrivateKey.generate(), s.NoEncryption()),
        (ed25519.Ed25519PrivateKey.generate(), s.BestAvailableEncryption(b"pass")),
    ):
        data = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, protection)
        (tmp_path / "key").write_bytes(data)
        with pytest.raises(RegistryError, match="Expected the private half"):
            ModelRegistry(tmp_path, private_key=tmp_path / "key")


def test_keys_are_in_no_text(tmp_path, pair):
    private, public = pair("trainer")
    registry = ModelRegistry(tmp_path, key=b"s3cret", private_key=private)
    keys = registry._store.home.keys
    for text in (repr(registry), repr(keys), str(keys), repr(NO_KEYS)):
        assert "s3cret" not in text
        assert "Ed25519" not in text
    assert keys.signs
    assert not Keys.read(None, None, [public]).signs

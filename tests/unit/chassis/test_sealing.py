"""Personal text is sealed for one person and one place, and gone with the person's key."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.security.sealing import DataKey, MasterKey, SealError

MASTER = MasterKey(b"m" * 32)
KEY = DataKey(b"k" * 32)


@given(st.text())
def test_a_sealed_text_can_be_opened(text: str) -> None:
    """Any name in any script."""
    sealed = KEY.seal(text, "acme/c-1/name")
    assert KEY.open(sealed, "acme/c-1/name") == text


def test_a_sealed_text_shows_nothing() -> None:
    """Not the text, and not that two are the same."""
    first, second = (KEY.seal("Ada Lovelace", "acme/c-1/name") for _ in range(2))
    assert b"Ada" not in first
    assert first != second


def test_a_sealed_text_is_of_no_use_elsewhere() -> None:
    """Copied to another customer's row, or read with another customer's key."""
    sealed = KEY.seal("Ada Lovelace", "acme/c-1/name")
    with pytest.raises(SealError):
        KEY.open(sealed, "acme/c-2/name")
    with pytest.raises(SealError):
        DataKey(b"x" * 32).open(sealed, "acme/c-1/name")


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_damaged_seal_is_noticed(position: int, flip: int) -> None:
    """Whatever byte is changed."""
    sealed = bytearray(KEY.seal("Ada Lovelace", "place"))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(SealError):
        KEY.open(bytes(sealed), "place")


@pytest.mark.parametrize("nothing", [b"", b"\x01", b"\x01short"])
def test_what_was_never_sealed_is_refused(nothing: bytes) -> None:
    """A truncated column is no text."""
    with pytest.raises(SealError):
        KEY.open(nothing, "place")


def test_a_customers_key_is_wrapped_for_that_customer() -> None:
    """Without the wrapped key the master key opens nothing: destroying it is the erasure."""
    wrapped = MASTER.new_data_key("acme/c-1")
    sealed = MASTER.unwrap(wrapped, "acme/c-1").seal("Ada", "name")
    assert MASTER.unwrap(wrapped, "acme/c-1").open(sealed, "name") == "Ada"
    with pytest.raises(SealError):
        MASTER.unwrap(wrapped, "acme/c-2")
    another = MASTER.new_data_key("acme/c-1")
    with pytest.raises(SealError):
        MASTER.unwrap(another, "acme/c-1").open(sealed, "name")


def test_a_master_key_lives_in_a_private_file(tmp_path: Path) -> None:
    """It is made once, never overwritten, and what is no key is refused with advice."""
    path = tmp_path / "master.key"
    MasterKey.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wrapped = MasterKey.read(path).new_data_key("acme/c-1")
    MasterKey.read(path).unwrap(wrapped, "acme/c-1")
    with pytest.raises(FileExistsError):
        MasterKey.create(path)
    path.write_text("password")
    with pytest.raises(ValueError, match="32 bytes in base64"):
        MasterKey.read(path)

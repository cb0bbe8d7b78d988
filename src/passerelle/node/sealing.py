"""What a node hands out to get it back unchanged and unread: a sealed word.

A cursor says where a page ended, in the words by which it was sorted: a family name, a date of birth. Addresses are written
to the logs of every proxy on their way, so it goes into them sealed (AES-GCM), with a key that never leaves the node.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from passerelle.flows.ports import Seal

_NONCE = 12
_KEY = 32


def seal(path: Path) -> Seal:
    """The seal whose key is in this file; made on the first start. Processes of one node share it."""
    box = AESGCM(_key(path))

    def close(word: str) -> str:
        nonce = os.urandom(_NONCE)
        return urlsafe_b64encode(nonce + box.encrypt(nonce, word.encode(), None)).decode().rstrip("=")

    def open_(word: str) -> str:
        try:
            raw = urlsafe_b64decode(word + "=" * (-len(word) % 4))
            return box.decrypt(raw[:_NONCE], raw[_NONCE:], None).decode()
        except (ValueError, InvalidTag):
            raise ValueError("This was not sealed here.") from None

    return Seal(close, open_)


def _key(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        key = os.urandom(_KEY)
        file.write(key)
    return key

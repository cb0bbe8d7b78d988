"""A node's signing keys: made once, kept in a file that only its owner may read, published as a JWKS.

A key is an elliptic-curve P-256 key (ES256) or an Ed25519 key (Ed25519, RFC 9864); its id is its RFC 7638
thumbprint. The cryptography is joserfc's; this module only holds files and shapes.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from passerelle.values import Json

Kind = Literal["ES256", "Ed25519"]
PrivateKey = ECKey | OKPKey

CURVES: dict[tuple[str, str], Kind] = {("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "Ed25519"}
"""The only keys that sign here, and the one algorithm that each may be used with."""


class KeyFileError(Exception):
    """A key file cannot be used: what is wrong, and what to do."""


@dataclass(frozen=True)
class SigningKey:
    """One private key with its id and the algorithm that it signs with."""

    private: PrivateKey
    algorithm: Kind
    kid: str

    @property
    def public(self) -> Json:
        """The public half as a JWK, ready for a directory or a JWKS."""
        jwk: Json = dict(self.private.as_dict(private=False))
        return {**jwk, "kid": self.kid, "use": "sig", "alg": self.algorithm}


@dataclass(frozen=True)
class KeyRing:
    """The key that signs now, and public keys that still (or already) verify while a rotation runs."""

    current: SigningKey
    others: tuple[Json, ...] = ()

    @property
    def public(self) -> tuple[Json, ...]:
        return (self.current.public, *self.others)

    def jwks(self) -> Json:
        """The public keys as a JWK set (RFC 7517)."""
        return {"keys": list(self.public)}


def make_key(kind: Kind = "ES256") -> SigningKey:
    """A new private key."""
    made = ECKey.generate_key("P-256") if kind == "ES256" else OKPKey.generate_key("Ed25519")
    return SigningKey(made, kind, made.thumbprint())


def save_key(key: SigningKey, path: Path) -> None:
    """Write a private key as PKCS 8 PEM, readable by its owner only; an existing file is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # INVARIANT: the file is created with its final mode, so the key is never readable by others, even briefly.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private.as_pem(private=True))


def load_key(path: Path) -> SigningKey:
    """Read a private key that only its owner may read."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileError(f"{path.name} can be read by others. Make it private: chmod 600.")
    return key_from_pem(path.read_bytes())


def load_or_make_key(path: Path, kind: Kind = "ES256") -> SigningKey:
    """The key of this file; made on the first start."""
    if not path.exists():
        save_key(make_key(kind), path)
    return load_key(path)


def key_from_pem(pem: bytes) -> SigningKey:
    """A signing key from an unencrypted PKCS 8 PEM."""
    try:
        raw = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError("This is not an unencrypted PEM private key.") from error
    private: PrivateKey
    if isinstance(raw, EllipticCurvePrivateKey):
        private = ECKey.import_key(raw)
    elif isinstance(raw, Ed25519PrivateKey):
        private = OKPKey.import_key(raw)
    else:
        raise KeyFileError("A signing key is an EC P-256 or an Ed25519 key.")
    algorithm = CURVES.get((private.key_type, private.curve_name))
    if algorithm is None:
        raise KeyFileError("A signing key is an EC P-256 or an Ed25519 key.")
    return SigningKey(private, algorithm, private.thumbprint())


@dataclass(frozen=True)
class VerifyingKey:
    """A public key with its thumbprint and the one algorithm that it may verify."""

    public: PrivateKey
    algorithm: Kind
    thumbprint: str


def verifying_key(jwk: Json) -> VerifyingKey | None:
    """A public JWK made ready to verify; None for anything that may not sign here.

    Private and symmetric keys, other curves, and keys marked for another use or algorithm are all refused: the
    algorithm follows from the key, never from what arrived (RFC 8725 section 3.1).
    """
    algorithm = CURVES.get((str(jwk.get("kty")), str(jwk.get("crv"))))
    if algorithm is None or "d" in jwk or jwk.get("use", "sig") != "sig":
        return None
    if jwk.get("alg", algorithm) not in (algorithm, "EdDSA" if algorithm == "Ed25519" else algorithm):
        return None
    return _imported(algorithm, str(jwk["crv"]), str(jwk.get("x")), str(jwk.get("y", "")))


# A plain function of its arguments, remembered because placing a point on its curve costs as much as a hash of a page.
@lru_cache(maxsize=1024)
def _imported(algorithm: Kind, curve: str, x: str, y: str) -> VerifyingKey | None:
    try:
        public: PrivateKey
        if algorithm == "ES256":
            public = ECKey.import_key({"kty": "EC", "crv": curve, "x": x, "y": y})
        else:
            public = OKPKey.import_key({"kty": "OKP", "crv": curve, "x": x})
        return VerifyingKey(public, algorithm, public.thumbprint())
    except (JoseError, ValueError, KeyError):
        return None

"""The names, secrets and keys of the simulated account and merchant. Faults are faults.py, state is stage.py."""

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

Mode = Literal["safe", "compatible", "plain"]

# Seconds between the tries of a payment notice, as documented: 15 tries in 24 h 4 min.
NOTICE_DELAYS = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)


def _alphanumeric(length: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def _digits(length: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(length))


@dataclass(frozen=True)
class SimulatorSettings:
    """Who is simulated. Every secret is generated, so no two simulators agree unless they are told to."""

    shop_url: str = ""  # where the shop really listens; may be given later by `Simulator.attach`
    app_id: str = field(default_factory=lambda: "wx" + secrets.token_hex(8))
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    original_id: str = field(default_factory=lambda: "gh_" + secrets.token_hex(6))
    token: str = field(default_factory=lambda: _alphanumeric(24), repr=False)
    encoding_aes_key: str = field(
        default_factory=lambda: _alphanumeric(43),
        repr=False,  # letters and digits, as the console makes them
    )
    mode: Mode = "safe"
    mch_id: str = field(default_factory=lambda: "19" + _digits(8))
    account_name: str = "知课"
    menu: Mapping[str, Any] | None = None  # WeChat's own shape: {"button": [...]}
    mass_calls_a_day: int = 100  # messages to many; a subscription account has 1
    delivery_timeout: float = 5.0  # seconds for each of the three deliveries of a message
    notice_timeout: float = 5.0  # seconds for each try of a payment notice
    notice_delays: tuple[float, ...] = NOTICE_DELAYS
    time_scale: float = 1.0  # multiplies the notice delays: 0.001 plays a day in 87 seconds


@dataclass(frozen=True)
class SimulatorKeys:
    """The two RSA keys of the payment side. Making them is slow; tests may share one pair."""

    merchant: rsa.RSAPrivateKey = field(repr=False)
    platform: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """Return a fresh pair of 2048-bit keys."""
        return cls(
            merchant=rsa.generate_private_key(public_exponent=65537, key_size=2048),
            platform=rsa.generate_private_key(public_exponent=65537, key_size=2048),
        )


@dataclass(frozen=True)
class Credentials:
    """What a merchant downloads from the platform: hand these to the shop under test."""

    merchant_private_key: str = field(repr=False)  # PEM, PKCS#8
    merchant_serial: str
    platform_public_key: str  # PEM
    public_key_id: str
    apiv3_key: str = field(repr=False)  # 32 characters

    @classmethod
    def of(cls, keys: SimulatorKeys) -> Self:
        """Return the merchant's side of `keys`, with a fresh APIv3 key and fresh serials."""
        return cls(
            merchant_private_key=keys.merchant.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
            merchant_serial=secrets.token_hex(20).upper(),
            platform_public_key=keys.platform.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            public_key_id="PUB_KEY_ID_011" + _digits(25),
            apiv3_key=_alphanumeric(32),
        )

"""Who the official account is and where its hosts are."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """The account's identity; checked where the configuration is read. The secret never appears in ``repr``."""

    app_id: str
    app_secret: str = field(repr=False)
    api_base: str
    oauth_base: str

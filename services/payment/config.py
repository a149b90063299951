"""Settings of this service beside the common ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated


@dataclass(frozen=True, slots=True)
class PaymentSettings:
    """What this service reads from the environment."""

    ledger_key_file: Annotated[
        Path | None, "Ed25519 key (PEM) that signs the ledger's roots; empty: they are not signed."
    ] = None
    gateway_keys_dir: Annotated[
        Path | None, "Folder of the tenants' keys for gateways, stripe.<tenant>; empty: none."
    ] = None
    stripe_api_url: Annotated[str, "Where Stripe answers."] = "https://api.stripe.com"

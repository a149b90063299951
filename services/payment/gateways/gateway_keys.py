"""The keys of gateways: a file for each tenant, read whenever it is needed."""

from pathlib import Path

from services.payment.domain.collections.gateway import GatewayUnavailable


class GatewayKeys:
    """The tenants' keys for one gateway; files change while we run, as keys are rotated."""

    def __init__(self, folder: Path | None, gateway: str) -> None:
        self._folder = folder
        self._gateway = gateway

    def find(self, tenant_id: str) -> str | None:
        """The key of a tenant; None where it has none.

        Raises:
            GatewayUnavailable: it cannot be read.
        """
        name = f"{self._gateway}.{tenant_id}"
        if self._folder is None or Path(name).name != name:
            return None
        try:
            return (self._folder / name).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise GatewayUnavailable(f"{name} cannot be read: {type(error).__name__}") from None

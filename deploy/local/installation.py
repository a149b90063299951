"""One local installation: its folder, its ports, its secrets and each process's environment.

Everything that a process needs to know is in its environment, as it would be in a pod.
"""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from chassis.security.authority import LocalAuthority, write_private_file
from chassis.security.caller import ALL_TENANTS
from chassis.security.sealing import MasterKey
from chassis.security.signing import SigningKey
from chassis.settings import SettingsError
from deploy.local import nats, postgresql
from deploy.local.ports import LOOPBACK, free_port

SERVICES = ("invoice", "rating", "cdr", "payment", "fraud")
TOKEN_SECONDS = 30 * 24 * 3600
PORT_BASE_VARIABLE = "TOLLBOOK_PORT_BASE"
PORT_BASE = 7_000

# What each service may ask of its neighbours.
SERVICE_SCOPES: dict[str, frozenset[str]] = {
    "invoice": frozenset({"rating.read", "rating.seal"}),
    "rating": frozenset({"payment.transfer"}),
    "cdr": frozenset(),
    "payment": frozenset(),
    "fraud": frozenset(),
}
OPERATOR_SCOPES = frozenset(
    f"{service}.{right}"
    for service, rights in {
        "cdr": ("ingest", "manage", "read", "audit"),
        "rating": ("price", "charge", "session", "manage", "read", "audit"),
        "payment": ("record", "adjust", "transfer", "funds", "collect", "read", "audit"),
        "invoice": ("tenants", "manage", "read", "bill", "erase", "audit"),
        "fraud": ("manage", "read"),
        "operations": ("manage", "read"),
    }.items()
    for right in rights
)

# Who may practise with the sandbox gateway: the tenants of the sample.
GATEWAY_TENANTS = ("aurora", "borealis")

RADIUS_CLIENTS = """# docs/guides/switches says what a client may have.
[[client]]
name = "local"
address = "{address}"
secret = "{secret}"
tenant = "aurora"
country_code = "31"
national_prefix = "0"
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on the loopback interface."""

    nats: int = 7222
    postgresql: int = 7432
    cdr: int = 7101
    cdr_http: int = 7181
    rating: int = 7102
    payment: int = 7103
    invoice: int = 7104
    fraud: int = 7105
    rating_http: int = 7182
    radius_authentication: int = 7183
    radius_accounting: int = 7184
    gateway: int = 7185

    @classmethod
    def chosen(cls) -> "Ports":
        """Return the usual ports, counted from TOLLBOOK_PORT_BASE instead of 7000.

        Raises:
            SettingsError: it is no number.
        """
        base = os.environ.get(PORT_BASE_VARIABLE, str(PORT_BASE))
        if not base.isdecimal():
            raise SettingsError(f"{PORT_BASE_VARIABLE} is {base!r}; give a number such as 17000")
        usual = cls()
        return cls(*(getattr(usual, name) - PORT_BASE + int(base) for name in cls.__slots__))

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nobody uses, for tests."""
        return cls(*(free_port() for _ in cls.__slots__))


@dataclass(frozen=True)
class Installation:
    """Where a local suite keeps its data and how its processes find each other."""

    folder: Path
    database: Literal["sqlite", "postgresql"] = "sqlite"
    ports: Ports = field(default_factory=Ports.chosen)
    # Added to every service's environment, e.g. a crash point in a chaos test.
    extra_environment: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make folders, secrets, keys and tokens; what is there already is kept."""
        for folder in (self.folder, self.log_folder, self.watch_folder, self.invoice_folder):
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("nats", "postgresql"):
            self._secret(name)
        if not self._master_key_file.exists():
            MasterKey.create(self._master_key_file)
        if not self._ledger_key_file.exists():
            SigningKey.create(self._ledger_key_file)
        self._write_radius_clients()
        for tenant_id in GATEWAY_TENANTS:
            self.give_gateway_key(tenant_id)
        self._write_token("operator", ALL_TENANTS, OPERATOR_SCOPES)
        for service, scopes in SERVICE_SCOPES.items():
            self._write_token(service, ALL_TENANTS, scopes)
        if not self.has_own_nats:
            return
        nats.write_configuration(self.folder / "nats", self.ports.nats, self._secret("nats"))

    @property
    def log_folder(self) -> Path:
        """What the processes have to say, a file each."""
        return self.folder / "logs"

    @property
    def watch_folder(self) -> Path:
        """Where switches leave their call records: <tenant>/<source code>/."""
        return self.folder / "incoming"

    @property
    def invoice_folder(self) -> Path:
        """Where the sample's invoices are saved."""
        return self.folder / "invoices"

    @property
    def has_own_nats(self) -> bool:
        """Whether we start a NATS server; NATS_URL names one that runs already."""
        return "NATS_URL" not in os.environ

    @property
    def nats_url(self) -> str:
        """Where the broker is, with its secret."""
        own = f"nats://{nats.USER}:{self._secret('nats')}@{LOOPBACK}:{self.ports.nats}"
        return os.environ.get("NATS_URL", own)

    @property
    def has_own_gateway(self) -> bool:
        """Whether we start a sandbox gateway; these two lead to a real one."""
        return {"GATEWAY_KEYS_DIR", "STRIPE_API_URL"}.isdisjoint(os.environ)

    @property
    def gateway_url(self) -> str:
        """Where the sandbox gateway answers, and tells what it has taken."""
        return f"http://{LOOPBACK}:{self.ports.gateway}"

    def give_gateway_key(self, tenant_id: str) -> None:
        """Give a tenant a key of the sandbox gateway, and with it an account there."""
        file = self._gateway_keys_folder / f"stripe.{tenant_id}"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private_file(file, f"sk_test_{tenant_id}_{self._secret('gateway')}".encode())

    @property
    def postgresql_server(self) -> postgresql.Postgresql:
        """The server for an installation on PostgreSQL."""
        return postgresql.Postgresql(
            self.folder / "postgresql", self.ports.postgresql, self._secret("postgresql")
        )

    def address(self, service: str) -> str:
        """Where a service answers gRPC."""
        return f"{LOOPBACK}:{getattr(self.ports, service)}"

    @property
    def push_url(self) -> str:
        """Where switches push their records by HTTP."""
        return f"http://{LOOPBACK}:{self.ports.cdr_http}"

    @property
    def charging_url(self) -> str:
        """Where dial plans ask by HTTP."""
        return f"http://{LOOPBACK}:{self.ports.rating_http}"

    @property
    def radius_address(self) -> str:
        """Where switches speak RADIUS: authentication and accounting."""
        ports = self.ports
        return f"udp://{LOOPBACK}:{ports.radius_authentication} and {ports.radius_accounting}"

    @property
    def radius_clients_file(self) -> Path:
        """Who may speak RADIUS: this machine, for the first tenant of the sample."""
        return self.folder / "authority" / "radius_clients.toml"

    def database_url(self, service: str) -> str:
        """The database of a service."""
        if self.database == "postgresql":
            return self.postgresql_server.database_url(service)
        return f"sqlite:///{self.folder.resolve() / service}.sqlite3"

    def token_file(self, subject: str) -> Path:
        """The bearer token of a service, or of the `operator`."""
        return self.folder / "authority" / f"{subject}.token"

    def token(self, subject: str) -> str:
        """The bearer token of a service, or of the `operator`."""
        return self.token_file(subject).read_text()

    def tenant_token(self, tenant_id: str, subject: str, scopes: frozenset[str]) -> str:
        """Make a token for somebody of one tenant."""
        return self._authority.mint(subject, tenant_id, scopes, TOKEN_SECONDS)

    def environment(self, service: str) -> dict[str, str]:
        """What a process of a service is started with."""
        own = {
            "DATA_DIR": str(self.folder.resolve()),
            "DATABASE_URL": self.database_url(service),
            "MIGRATE_AT_START": "true",
            "NATS_URL": self.nats_url,
            "LISTEN_ADDRESS": self.address(service),
            "TRUSTED_KEYS_FILE": str(self._authority.trusted_keys_file),
            "SERVICE_TOKEN_FILE": str(self.token_file(service).resolve()),
            "MASTER_KEY_FILE": str(self._master_key_file.resolve()),
            "LEDGER_KEY_FILE": str(self._ledger_key_file.resolve()),
            "WATCH_DIR": str(self.watch_folder.resolve()),
            "HTTP_LISTEN_ADDRESS": f"{LOOPBACK}:{self.ports.cdr_http}",
            "CHARGING_HTTP_LISTEN_ADDRESS": f"{LOOPBACK}:{self.ports.rating_http}",
            "RADIUS_CLIENTS_FILE": str(self.radius_clients_file.resolve()),
            "RADIUS_AUTHENTICATION_ADDRESS": f"{LOOPBACK}:{self.ports.radius_authentication}",
            "RADIUS_ACCOUNTING_ADDRESS": f"{LOOPBACK}:{self.ports.radius_accounting}",
        }
        if self.has_own_gateway:
            own["GATEWAY_KEYS_DIR"] = str(self._gateway_keys_folder.resolve())
            own["STRIPE_API_URL"] = self.gateway_url
        addresses = {f"{name.upper()}_ADDRESS": self.address(name) for name in SERVICES}
        return {**os.environ, **own, **addresses, **self.extra_environment}

    @property
    def _authority(self) -> LocalAuthority:
        return LocalAuthority.open(self.folder.resolve() / "authority")

    def _write_token(self, subject: str, tenant_id: str, scopes: frozenset[str]) -> None:
        file = self.token_file(subject)
        file.unlink(missing_ok=True)
        token = self._authority.mint(subject, tenant_id, scopes, TOKEN_SECONDS)
        write_private_file(file, token.encode())

    def _write_radius_clients(self) -> None:
        if self.radius_clients_file.exists():
            return
        content = RADIUS_CLIENTS.format(address=LOOPBACK, secret=self._secret("radius"))
        write_private_file(self.radius_clients_file, content.encode())

    @property
    def _master_key_file(self) -> Path:
        return self.folder / "authority" / "master_key"

    @property
    def _gateway_keys_folder(self) -> Path:
        return self.folder / "authority" / "gateways"

    @property
    def _ledger_key_file(self) -> Path:
        return self.folder / "authority" / "ledger_key.pem"

    def _secret_file(self, name: str) -> Path:
        return self.folder / "authority" / f"{name}.secret"

    def _secret(self, name: str) -> str:
        file = self._secret_file(name)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private_file(file, secrets.token_hex(32).encode())
        return file.read_text()

"""A tenant in a running suite, and what its money and its sessions look like after a call."""

from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import LOOPBACK
from kernel.money import MICROS_PER_UNIT
from tests.support.operator import Operator
from tests.support.suite import Suite, fact
from tollbook.invoice.v1 import customer_pb2 as customer
from tollbook.payment.v1 import funds_service_pb2 as funds
from tollbook.payment.v1 import funds_service_pb2_grpc as funds_grpc
from tollbook.rating.v1 import charge_pb2 as charges
from tollbook.rating.v1 import charging_pb2 as charging
from tollbook.rating.v1 import charging_service_pb2 as sessions
from tollbook.rating.v1 import charging_service_pb2_grpc as sessions_grpc
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

TENANT = "peers"
SECRET = "secret-of-the-peers"
SESSION_SCOPES = frozenset({"rating.session"})
# A fixed line in the Netherlands: 0.0600 a minute, by the second.
CALLEE = "31201234567"
MICROS_PER_SECOND_OF_CALL = 1_000


@dataclass(frozen=True, slots=True)
class Money:
    """What an account has, in micros."""

    balance: int
    held: int


class Exchange:
    """The tenant: its accounts are its SIP users, alice with money and poor without."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.operator = Operator(suite, TENANT)

    async def set_up(self) -> None:
        """Create the tenant with its users, and let this machine speak RADIUS for it."""
        operator = self.operator
        await operator.set_up([])
        await operator.create_prepaid_accounts({"alice": 10, "poor": 0})
        for user in ("alice", "poor"):
            await operator.add_line(user, user, customer.LINE_KIND_SIP_USER)
        await operator.known_everywhere()
        await self.suite.caught_up("rating", "tollbook.invoice.v1.LineChanged")

    def let_in(self, entries: str) -> None:
        """Make a client of this machine, with some entries of its own."""
        self.suite.installation.radius_clients_file.write_text(
            f'[[client]]\nname = "sip"\naddress = "{LOOPBACK}"\nsecret = "{SECRET}"\n'
            f'tenant = "{TENANT}"\ncountry_code = "31"\nnational_prefix = "0"\n{entries}'
        )

    @property
    def authentication_port(self) -> int:
        """Where Access-Requests go."""
        return self.suite.installation.ports.radius_authentication

    @property
    def accounting_port(self) -> int:
        """Where Accounting-Requests go."""
        return self.suite.installation.ports.radius_accounting

    @property
    def charging_url(self) -> str:
        """Where dial plans ask by HTTP."""
        return f"{self.suite.installation.charging_url}/v1/charging"

    @property
    def token(self) -> str:
        """The credential of the tenant's dial plans."""
        installation = self.suite.installation
        return installation.tenant_token(TENANT, "dial-plan", SESSION_SCOPES)

    async def session(self, session_id: str, state: int) -> charging.ChargingSession:
        """A session, once it is in a state."""
        stub = self.suite.stub(sessions_grpc.ChargingServiceStub, TENANT)

        async def look() -> charging.ChargingSession:
            request = sessions.GetSessionRequest(session_id=session_id)
            return (await stub.GetSession(request)).session

        return await fact(f"session {session_id}", look, lambda seen: seen.state == state)

    async def money(self, user: str) -> Money:
        """What a user's account has, once nothing of it is held."""
        stub = self.suite.stub(funds_grpc.FundsServiceStub, TENANT)
        request = funds.GetFundsRequest(account_id=self.operator.accounts[user])

        async def look() -> Money:
            answer = (await stub.GetFunds(request)).funds
            return Money(_micros(answer.balance), _micros(answer.held))

        return await fact(f"no hold on {user}", look, lambda seen: seen.held == 0)

    async def charges(self, user: str, call_key: str) -> list[charges.Charge]:
        """The charges of a call."""
        stub = self.suite.stub(rating_grpc.ChargeQueryServiceStub, TENANT)
        request = rating.ListChargesRequest(account_id=self.operator.accounts[user])
        answer = await stub.ListCharges(request)
        return [charge for charge in answer.charges if charge.call_key.value == call_key]


def _micros(money: object) -> int:
    units, nanos = getattr(money, "units"), getattr(money, "nanos")  # noqa: B009
    return int(units) * MICROS_PER_UNIT + int(nanos) // 1_000


def amount_micros(charge: charges.Charge) -> int:
    """What a charge comes to."""
    return _micros(charge.amount)


GUIDES = Path(__file__).parents[2] / "docs/guides/switches"

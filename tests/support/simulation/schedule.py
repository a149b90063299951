"""Runs one schedule to its end, and holds what has become of it against the facts."""

from __future__ import annotations

from collections import Counter
from functools import partial

from services.payment.domain.funds.funds import Policy
from services.rating.domain.charging.session import Session
from tests.support.simulation import payment
from tests.support.simulation.charges import Charge
from tests.support.simulation.database import DatabaseUnreachableError
from tests.support.simulation.event_loop import pass_time
from tests.support.simulation.network import UnreachableError
from tests.support.simulation.payment import Payment
from tests.support.simulation.prices import CUSTOMER, RESELLER
from tests.support.simulation.rating import Rating
from tests.support.simulation.recount import ViolationError
from tests.support.simulation.scenario import (
    Block,
    MoneyMoves,
    Outage,
    PlannedCall,
    Rate,
    Scenario,
)
from tests.support.simulation.switch import Switch
from tests.support.simulation.world import World

SECONDS_A_MINUTE = 60


class Schedule:
    """A scenario on its way."""

    payment_type: type[Payment] = Payment
    rating_type: type[Rating] = Rating

    def __init__(self, scenario: Scenario, is_traced: bool = False) -> None:
        self.scenario = scenario
        self.tenant = scenario.tenant
        self.world = World(scenario, is_traced)
        self.payment = self.payment_type(self.world, self._accounts())
        self.recount = self.payment.recount
        self.rating = self.rating_type(self.world, self._check_session)
        self.switches: list[Switch] = []
        self._begin()

    def run(self) -> Counter[str]:
        """Go on to the end; what was seen on the way.

        Raises:
            ViolationError: what must never be has come about.
        """
        self.world.run()
        self.recount.check_end()
        self._check_sessions_ended()
        self._check_charges()
        self._check_bundle()
        return self.world.seen

    def _accounts(self) -> dict[str, tuple[int, Policy]]:
        tenant = self.tenant
        policy = Policy(tenant.credit_limit_micros, tenant.daily_cap_micros)
        accounts = {CUSTOMER: (tenant.wallet_micros, policy)}
        if tenant.reseller_wallet_micros is not None:
            accounts[RESELLER] = (tenant.reseller_wallet_micros, Policy(0))
        return accounts

    def _begin(self) -> None:
        for number, action in enumerate(self.scenario.actions):
            if isinstance(action, PlannedCall):
                switch = Switch(self.world, action)
                self.switches.append(switch)
                self.world.spawn(switch.session_id, switch.run)
            elif isinstance(action, MoneyMoves):
                self.world.spawn("money", partial(self._move_money, number, action))
            elif isinstance(action, Block):
                self.world.spawn("block", partial(self._block, action))
            elif isinstance(action, Outage):
                self.world.spawn("outage", partial(self._outage, action))

    async def _move_money(self, number: int, action: MoneyMoves) -> None:
        await pass_time(action.at)
        faults = self.world.luck(f"money-{number}")
        request = (f"pay-{number}", CUSTOMER, action.micros)
        while True:
            try:
                await self.world.network.ask(payment.SERVICE, "pay", request, faults, 2.0)
            except (UnreachableError, DatabaseUnreachableError):
                continue
            return

    async def _block(self, action: Block) -> None:
        await pass_time(action.at)
        self.rating.is_blocked = True

    async def _outage(self, action: Outage) -> None:
        await pass_time(action.at)
        self.world.end_service(action.service, action.down)

    # What must hold whenever a session has changed.

    def _check_session(self, before: Session | None, after: Session) -> None:
        has_new_grant = after.granted_seconds > (before.granted_seconds if before else 0)
        if has_new_grant and after.levels and after.is_live:
            for level in range(len(after.levels)):
                self._check_cover(after, level)

    def _check_cover(self, session: Session, level: int) -> None:
        """A grant is never worth more than what is held for it, as long as it counts."""
        worth = self._price(level, session.granted_seconds, _units(session) if not level else 0)
        if not worth:
            return
        hold_id = session.levels[level].hold_id
        _, held = self.recount.held.get(hold_id, ("", 0))
        granted = f"{session.session_id} is granted {session.granted_seconds} s worth {worth}"
        if held < worth:
            raise ViolationError(f"{granted} of level {level}, and {held} are held for it")
        hold = self.payment.database.look().get("hold", hold_id)
        assert session.answer is not None
        left = (hold.expire_time - self.world.now()).total_seconds()
        if left < session.answer.valid_seconds:
            valid = session.answer.valid_seconds
            raise ViolationError(f"{granted}, valid for {valid} s, held for {left} s")

    # What must hold when everything is over.

    def _check_sessions_ended(self) -> None:
        for _, session in self.rating.database.look().rows("session"):
            if session.is_live:
                raise ViolationError(f"{session.session_id} is {session.state.name} for ever")
            if session.reserved:
                raise ViolationError(f"{session.session_id} has ended and reserves units")

    def _check_charges(self) -> None:
        """Every call is charged what it cost, once for each level, and all of it is posted."""
        charges: dict[tuple[str, int], Charge] = {}
        for _, charge in self.rating.database.look().rows("charge"):
            if (charge.session_id, charge.level) in charges:
                raise ViolationError(f"{charge.session_id} has two charges of level {charge.level}")
            charges[charge.session_id, charge.level] = charge
        for switch in self.switches:
            for level in range(len(self.rating.prices.parties)):
                self._check_charge(switch, level, charges.get((switch.session_id, level)))
        posted, settled = +self.recount.charges, {c.charge_id: c for c in charges.values()}
        if unknown := posted.keys() - settled.keys():
            raise ViolationError(f"posted, and never charged: {unknown}")

    def _check_charge(self, switch: Switch, level: int, charge: Charge | None) -> None:
        told = _told_seconds(switch)
        seconds = charge.seconds if charge else 0
        if seconds not in told:
            raise ViolationError(f"{switch.session_id} lasted {told} s, charged {seconds}")
        free = _free(charge) if charge else 0
        price = self._price(level, seconds, free)
        posted = self.recount.charges[charge.charge_id] if charge else 0
        if not price == posted == (charge.amount_micros if charge else 0):
            raise ViolationError(
                f"{switch.session_id} level {level}: {seconds} s, {free} of them free, cost "
                f"{price}; charged {charge and charge.amount_micros}, posted {posted}"
            )

    def _check_bundle(self) -> None:
        """What calls were given for free was there, and is gone, once."""
        rows = self.rating.database.look()
        used = sum(state.used for _, state in rows.rows("counter"))
        free = sum(_free(charge) for _, charge in rows.rows("charge"))
        if used != free or used > self.tenant.bundle_seconds:
            bundle = self.tenant.bundle_seconds
            raise ViolationError(f"{free} s were free, {used} counted, of {bundle}")

    def _price(self, level: int, seconds: int, free: int) -> int:
        """What seconds cost a level when so many of the charged ones are free."""
        rate = self.tenant.reseller_rate if level else self.tenant.rate
        assert rate is not None
        paid = charged_seconds(rate, seconds) - free
        return (rate.micros_a_minute * paid * 2 + SECONDS_A_MINUTE) // (2 * SECONDS_A_MINUTE)


def charged_seconds(rate: Rate, seconds: int) -> int:
    """The seconds that are charged, increment by increment."""
    if not seconds:
        return 0
    charged = rate.first_increment
    while charged < seconds:
        charged += rate.next_increment
    return charged


def _told_seconds(switch: Switch) -> set[int]:
    """How long a call may have been as far as rating was told."""
    if switch.plan.is_emergency:
        return {0}
    if (recorded := switch.recorded_seconds) is not None:
        return {recorded}
    if switch.was_closed:
        return {switch.talked}
    return {0, switch.talked} if switch.tried_to_close else {0}


def _units(session: Session) -> int:
    return sum(use.after.used - use.before.used for use in session.reserved)


def _free(charge: Charge) -> int:
    return sum(use.after.used - use.before.used for use in charge.uses)

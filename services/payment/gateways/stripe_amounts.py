"""Amounts as Stripe writes them: whole numbers of a unit that depends on the currency.

As https://docs.stripe.com/currencies has it, which is not always ISO 4217's minor unit.
"""

from kernel.money import MICROS_PER_UNIT, Money, minor_unit_decimals

_ZERO_DECIMAL = frozenset(
    "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
# Written with two decimals, which must be zero.
_WHOLE_UNITS = frozenset({"ISK", "UGX"})
# The last of the three decimals must be zero.
_THREE_DECIMAL = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def to_stripe_amount(amount: Money) -> int | None:
    """The amount in Stripe's unit; None where Stripe cannot take exactly that."""
    decimals = _decimals(amount.currency)
    if decimals is None or amount.micros <= 0:
        return None
    units, rest = divmod(amount.micros * 10**decimals, MICROS_PER_UNIT)
    return units if rest == 0 and units % _step(amount.currency) == 0 else None


def from_stripe_amount(units: int, currency: str) -> Money:
    """What Stripe says that it has received, `currency` in small letters as it writes it.

    Raises:
        ValueError: it writes no such currency.
    """
    code = currency.upper()
    decimals = _decimals(code)
    if decimals is None:
        raise ValueError(f"Stripe takes no {code}")
    return Money(code, units * MICROS_PER_UNIT // 10**decimals)


def _decimals(currency: str) -> int | None:
    if currency in _ZERO_DECIMAL:
        return 0
    if currency in _WHOLE_UNITS:
        return 2
    # Of currencies with other decimals Stripe says nothing, so nothing is guessed.
    decimals = minor_unit_decimals(currency)
    return decimals if decimals == 2 or currency in _THREE_DECIMAL else None


def _step(currency: str) -> int:
    if currency in _WHOLE_UNITS:
        return 100
    return 10 if currency in _THREE_DECIMAL else 1

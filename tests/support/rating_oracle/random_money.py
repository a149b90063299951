"""Currencies with their dearest minutes, and rates between them that are about right."""

from random import Random

# What a unit is worth, in 10^-10 of a dollar: near enough that no product leaves 64 bits by far.
WORTH = {
    "USD": 10**10,
    "EUR": 10_800_000_000,
    "KWD": 32_500_000_000,
    "JPY": 65_000_000,
    "VND": 390_000,
    "IDR": 610_000,
    "IRR": 8_000,
}
# Dearest satellite minutes that we know of, generously rounded up, in nanos.
DEAREST = {
    "USD": 30 * 10**9,
    "EUR": 30 * 10**9,
    "KWD": 10 * 10**9,
    "JPY": 4_000 * 10**9,
    "VND": 400_000 * 10**9,
    "IDR": 250_000 * 10**9,
    "IRR": 15_000_000 * 10**9,
}
RATE_DECIMALS = 12


def random_price(rng: Random, currency: str) -> int:
    """Nanos for a unit: often ordinary, sometimes tiny, sometimes the dearest."""
    dearest = DEAREST[currency]
    kind = rng.randrange(14)
    if kind >= 10:
        # Round ones, of which half a minute or a few seconds end in halves of a small coin.
        return min(rng.choice([1, 3, 5, 25]) * 10 ** rng.randint(4, 10), dearest)
    if kind < 3:
        return rng.choice([0, 1, 200_000, 333_333_333, dearest - 1, dearest])
    return rng.randrange(dearest // (1 if kind == 3 else 100))


def random_amount(rng: Random, currency: str, minutes: int = 1) -> int:
    """Micros that some minutes may cost."""
    return rng.choice([rng.randrange(1, minutes * DEAREST[currency] // 20_000), 1, 10**4])


def random_rate_text(rng: Random, source: str, target: str) -> str:
    """An exchange rate as somebody would quote it: exact, with up to twelve decimals."""
    percent = rng.randint(80, 125)
    decimals = rng.randint(8, RATE_DECIMALS)
    scaled = max(1, 10**decimals * WORTH[source] * percent // (WORTH[target] * 100))
    return f"{scaled // 10**decimals}.{scaled % 10**decimals:0{decimals}d}"

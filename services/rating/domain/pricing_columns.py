"""The prices of many calls in one pass over columns, bit for bit those of `pricing.price_call`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from kernel.rounding import RoundingMode
from services.rating.domain.prefix_table import Int32s, Int64s, PrefixTable
from services.rating.domain.pricing import EXACT_DENOMINATOR, MS_PER_SECOND, price_call
from services.rating.domain.rounding_rules import DurationRounding, PriceRule

# Half of what 64 bits hold for each of the two summands of an exact amount. 150,000 VND a minute
# by the second pass it after eight hours; such rows take the scalar path.
SUMMAND_MAX = 2**62 - 1
CONNECT_FEE_MICROS_VECTORISED_MAX = SUMMAND_MAX // EXACT_DENOMINATOR


def price_calls(
    table: PrefixTable,
    rows: Int32s,
    durations_ms: Int64s,
    duration_rounding: DurationRounding,
    price_rule: PriceRule,
) -> tuple[Int64s, Int64s]:
    """Charged seconds and amounts in micros of answered calls, each by its row of the table."""
    seconds = _whole_seconds(durations_ms, duration_rounding)
    charged = _charged_seconds(table, rows, seconds)
    prices, fees = table.prices[rows], table.connect_fees[rows]
    fits = (fees <= CONNECT_FEE_MICROS_VECTORISED_MAX) & (prices <= SUMMAND_MAX // charged)
    numerators = np.where(fits, fees, 0) * EXACT_DENOMINATOR + charged * np.where(fits, prices, 0)
    amounts = _round_micros(numerators, price_rule)
    for place in np.flatnonzero(~fits):
        rate, duration = table.rate(int(rows[place])), int(durations_ms[place])
        amounts[place] = price_call(rate, duration, duration_rounding, price_rule).amount_micros
    return charged, amounts


def _whole_seconds(durations_ms: Int64s, rounding: DurationRounding) -> Int64s:
    shift: int = {
        DurationRounding.UP: MS_PER_SECOND - 1,
        DurationRounding.DOWN: 0,
        DurationRounding.HALF_UP: MS_PER_SECOND // 2,
    }[rounding]
    seconds: Int64s = (durations_ms + shift) // MS_PER_SECOND
    return seconds


def _charged_seconds(table: PrefixTable, rows: Int32s, seconds: Int64s) -> Int64s:
    first, step = table.first_increments[rows], table.next_increments[rows]
    beyond_first = np.maximum(seconds, table.minimums[rows]) - first
    increments = np.maximum(-(-beyond_first // step), 0)
    charged: Int64s = first + increments * step
    return charged


def _round_micros(numerators: Int64s, rule: PriceRule) -> Int64s:
    """Divide by EXACT_DENOMINATOR and round; the numerators are not negative."""
    step = rule.step_micros
    denominator = EXACT_DENOMINATOR * step
    quotients, remainders = np.divmod(numerators, denominator)
    up = _goes_up(quotients, remainders, denominator, rule.mode)
    rounded: Int64s = (quotients + up) * step
    return rounded


def _goes_up(
    quotients: Int64s, remainders: Int64s, denominator: int, mode: RoundingMode
) -> npt.NDArray[Any]:
    match mode:
        case RoundingMode.DOWN:
            return np.zeros(len(quotients), np.bool_)
        case RoundingMode.UP:
            return remainders > 0
        case RoundingMode.HALF_UP:
            return 2 * remainders >= denominator
        case RoundingMode.HALF_EVEN:
            return 2 * remainders + quotients % 2 > denominator

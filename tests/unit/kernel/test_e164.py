"""What is dialled becomes one number, or is refused: never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.e164 import DialledNumber, NumberKind, NumberPlan, is_e164, normalise
from kernel.errors import DomainError, ErrorKind

DUTCH = NumberPlan("31", "0", ("00",), frozenset({"1200", "0800"}), frozenset({"112"}))
AMERICAN = NumberPlan("1", "", ("011",), frozenset({"411"}), frozenset({"911"}))
SPANISH = NumberPlan("34", "", ("00",), frozenset(), frozenset({"112"}))
RUSSIAN = NumberPlan("7", "8", ("810",), frozenset(), frozenset({"112"}))
PLANS = st.sampled_from([DUTCH, AMERICAN, SPANISH, RUSSIAN])

E164_NUMBERS = st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True)
DUTCH_NUMBERS = st.from_regex(r"[1-9][0-9]{8}", fullmatch=True)


def international(digits: str) -> DialledNumber:
    return DialledNumber(digits, NumberKind.E164)


@given(E164_NUMBERS, PLANS)
def test_a_full_number_is_the_same_however_it_is_dialled(number: str, plan: NumberPlan) -> None:
    """'+' and every international prefix lead to one number, so it has one price."""
    assert normalise("+" + number, plan) == international(number)
    for prefix in plan.international_prefixes:
        assert normalise(prefix + number, plan) == international(number)


@given(DUTCH_NUMBERS)
def test_the_national_prefix_stands_for_the_country_code(national: str) -> None:
    """What a Dutch caller dials with 0 is what the world dials with +31."""
    assert normalise("0" + national, DUTCH) == normalise("+31" + national, DUTCH)


@given(E164_NUMBERS)
def test_a_bare_number_is_full_where_national_numbers_have_a_prefix(number: str) -> None:
    """Most switches write full numbers without '+'."""
    assert normalise(number, DUTCH) == international(number)


@pytest.mark.parametrize(
    ("plan", "dialled", "number"),
    [
        (SPANISH, "912345678", "34912345678"),
        (SPANISH, "346000000", "34346000000"),
        (AMERICAN, "2125550123", "12125550123"),
        (AMERICAN, "12125550123", "12125550123"),
        (AMERICAN, "01131201234567", "31201234567"),
        (RUSSIAN, "84951234567", "74951234567"),
        (RUSSIAN, "81031201234567", "31201234567"),
    ],
)
def test_every_country_dials_its_own_way(plan: NumberPlan, dialled: str, number: str) -> None:
    """Without a national prefix bare numbers are national; North America's 1 is dialled or not."""
    assert normalise(dialled, plan) == international(number)


def test_the_longest_international_prefix_wins() -> None:
    """A prefix that chooses a carrier contains the plain one; the carrier is no country."""
    plan = NumberPlan("57", "0", ("00", "00414"))
    assert normalise("0041431201234567", plan) == international("31201234567")
    assert normalise("0031201234567", plan) == international("31201234567")


@given(E164_NUMBERS, st.lists(st.sampled_from("-. ()/"), min_size=15, max_size=15))
def test_separators_mean_nothing(number: str, separators: list[str]) -> None:
    """People group digits as they like; an optional (0) is another matter."""
    pairs = zip(number, separators, strict=False)
    written = "+" + "".join(digit + separator for digit, separator in pairs)
    if "(0)" not in written:
        assert normalise(written, DUTCH) == international(number)


@pytest.mark.parametrize("dialled", ["112", "+112", " 1-1-2 "])
def test_emergency_calls_are_recognised_first(dialled: str) -> None:
    """Even where the number is also a short code, or a device put '+' before it."""
    plan = NumberPlan("31", "1", ("11",), frozenset({"112"}), frozenset({"112"}))
    assert normalise(dialled, plan) == DialledNumber("112", NumberKind.EMERGENCY)


@given(E164_NUMBERS)
def test_only_the_digits_of_a_full_number_are_e164(number: str) -> None:
    """As numbers are kept and compared: without '+', prefixes or separators."""
    assert is_e164(number)
    for other in ("+" + number, "0" + number[1:], number[:6], number.ljust(16, "1"), " " + number):
        assert not is_e164(other)


def test_short_codes_keep_their_kind() -> None:
    """A service number that looks national or full is not turned into a call abroad."""
    assert normalise("1200", DUTCH) == DialledNumber("1200", NumberKind.SHORT_CODE)
    assert normalise("08 00", DUTCH) == DialledNumber("0800", NumberKind.SHORT_CODE)


def test_a_short_code_is_not_dialled_with_plus() -> None:
    """'+' asks for an international number, whatever the plan lists."""
    plan = NumberPlan("31", "0", ("00",), frozenset({"8001234"}))
    assert normalise("8001234", plan).kind is NumberKind.SHORT_CODE
    assert normalise("+8001234", plan) == international("8001234")


@pytest.mark.parametrize(
    ("dialled", "problem"),
    [
        ("", "not made of digits"),
        ("anonymous", "not made of digits"),
        ("++31201234567", "not made of digits"),
        ("٣١٢٠١٢٣٤٥٦٧", "not made of digits"),
        ("*98", "not made of digits"),
        ("2001", "4 digits instead of 7 to 15; .* add it to the short codes"),
        ("+683400", "6 digits"),
        ("+3120123456789012", "16 digits"),
        ("+44 (0)20 7946 0018", "write it without"),
        ("+0201234567", "no country code begins with 0"),
        ("0000201234567", "no country code begins with 0"),
    ],
)
def test_what_could_only_be_guessed_is_refused(dialled: str, problem: str) -> None:
    """The message shows the value and the way out."""
    with pytest.raises(DomainError, match=problem) as caught:
        normalise(dialled, DUTCH)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT
    assert caught.value.reason == "INVALID_NUMBER"
    assert caught.value.metadata == {"number": dialled}


def test_the_shortest_and_the_longest_number_pass() -> None:
    """Niue has four digits after its country code; E.164 ends at fifteen digits."""
    assert normalise("+6834000", DUTCH) == international("6834000")
    assert normalise("+312012345678901", DUTCH) == international("312012345678901")


@given(st.text("0123456789+-() *x٣", max_size=20) | st.text(max_size=20), PLANS)
def test_any_text_is_a_valid_number_or_an_expected_failure(text: str, plan: NumberPlan) -> None:
    """No record of a broken switch can stop its batch, or price nonsense."""
    outcome = normalised_or_reason(text, plan)
    if isinstance(outcome, str):
        assert outcome == "INVALID_NUMBER"
    else:
        assert set(outcome.digits) <= set("0123456789")
        assert outcome.kind is not NumberKind.E164 or 7 <= len(outcome.digits) <= 15


def normalised_or_reason(text: str, plan: NumberPlan) -> DialledNumber | str:
    try:
        return normalise(text, plan)
    except DomainError as error:
        return error.reason


def test_a_line_of_garbage_is_not_repeated_in_full() -> None:
    """A message stays readable when the number is megabytes long."""
    with pytest.raises(DomainError) as caught:
        normalise("x" * 10_000_000, DUTCH)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    "make_plan",
    [
        lambda: NumberPlan("", "0"),
        lambda: NumberPlan("031", "0"),
        lambda: NumberPlan("3161", "0"),
        lambda: NumberPlan("+31", "0"),
        lambda: NumberPlan("31", "n"),
        lambda: NumberPlan("31", "0", ("",)),
        lambda: NumberPlan("31", "0", ("+",)),
        lambda: NumberPlan("31", "0", ("00",), frozenset({"*98"})),
        lambda: NumberPlan("31", "0", ("00",), frozenset(), frozenset({"1 1 2"})),
    ],
)
def test_a_plan_that_could_never_match_is_refused(make_plan) -> None:
    """A misspelt prefix is found when the profile is saved, not on the first wrong bill."""
    with pytest.raises(DomainError, match="INVALID_NUMBER_PLAN"):
        make_plan()

"""What a switch is told by RADIUS: the attributes of a reply."""

from dataclasses import dataclass

from kernel.money import MICROS_PER_UNIT
from services.rating.api.radius.clients import RadiusClient, Replies
from services.rating.domain.charging.answer import Answer, Verdict, WhenExhausted
from services.rating.domain.charging.return_codes import ReturnCodes

# RFC 2869, section 5.16: an interval must not be shorter.
INTERIM_SECONDS_MIN = 60
# RFC 2865, section 5.29: ask again by an Access-Request when the time is over.
ASK_AGAIN = 1

Value = str | int
Attribute = tuple[str, Value]


@dataclass(frozen=True, slots=True)
class Reply:
    """An Access-Accept, an Access-Reject or an Accounting-Response, before it is signed."""

    attributes: tuple[Attribute, ...] = ()
    is_reject: bool = False


ACKNOWLEDGED = Reply()


def access_reply(
    answer: Answer, codes: ReturnCodes, client: RadiusClient, used_seconds: int
) -> Reply:
    """An accept with the time that is left, or a reject."""
    if answer.verdict is not Verdict.GRANTED:
        return rejection(answer.reason, codes, client)
    attributes = _limits(answer, client, used_seconds)
    if client.replies is Replies.H323:
        attributes += _h323_limits(answer, client, used_seconds)
        attributes += _h323(client, "h323-return-code", str(codes.h323))
    return Reply(tuple(attributes))


def rejection(reason: str, codes: ReturnCodes, client: RadiusClient) -> Reply:
    """A reject with the reason in words and in the codes that the switch knows."""
    attributes: list[Attribute] = [("Reply-Message", reason)]
    if client.replies is Replies.SIP:
        attributes.append(("Sip-Response-Code", codes.sip))
    if client.replies is Replies.H323:
        attributes += _h323(client, "h323-return-code", str(codes.h323))
    return Reply(tuple(attributes), is_reject=True)


def accounting_reply(answer: Answer, client: RadiusClient, used_seconds: int) -> Reply:
    """An acknowledgement; RFC 2866 (section 5.13) leaves it nothing but vendors' attributes."""
    if answer.verdict is Verdict.CLOSED or client.replies is not Replies.H323:
        return ACKNOWLEDGED
    return Reply(tuple(_h323_limits(answer, client, used_seconds)))


def _is_limited(answer: Answer) -> bool:
    return answer.when_exhausted is WhenExhausted.HANG_UP


def _seconds_left(answer: Answer, used_seconds: int) -> int:
    return max(answer.granted_seconds - used_seconds, 0)


def _limits(answer: Answer, client: RadiusClient, used_seconds: int) -> list[Attribute]:
    attributes: list[Attribute] = []
    if _is_limited(answer):
        attributes.append(("Session-Timeout", _seconds_left(answer, used_seconds)))
        if client.reauthorises:
            attributes.append(("Termination-Action", ASK_AGAIN))
    if answer.ask_again_at_seconds:
        interval = answer.ask_again_at_seconds - used_seconds
        attributes.append(("Acct-Interim-Interval", max(interval, INTERIM_SECONDS_MIN)))
    return attributes


def _h323_limits(answer: Answer, client: RadiusClient, used_seconds: int) -> list[Attribute]:
    """Cisco's words: seconds left, and what is set aside of the customer's money for the call."""
    attributes: list[Attribute] = []
    if _is_limited(answer):
        seconds = _seconds_left(answer, used_seconds)
        attributes += _h323(client, "h323-credit-time", str(seconds))
    if answer.currency:
        amount = f"{answer.held_micros // MICROS_PER_UNIT}.{_cents(answer.held_micros):02}"
        attributes += _h323(client, "h323-credit-amount", amount)
        attributes += _h323(client, "h323-currency", answer.currency)
    return attributes


def _cents(micros: int) -> int:
    """The hundredths, rounded down: no announcement promises what is not there."""
    return micros % MICROS_PER_UNIT * 100 // MICROS_PER_UNIT


def _h323(client: RadiusClient, name: str, value: str) -> list[Attribute]:
    return [(name, f"{name}={value}" if client.names_in_values else value)]

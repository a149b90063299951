"""What a call to another service takes along. Each test is a task, as each RPC is."""

from pathlib import Path

import grpc
import pytest

from chassis.grpc import running_call
from chassis.grpc.outgoing import RETURN_SECONDS, acting_for, prepared
from chassis.security.caller import Caller, enter_call
from chassis.security.service_token import ServiceToken
from kernel.errors import DomainError


def sent(timeout: float | None = None, *metadata: tuple[str, str]) -> grpc.aio.ClientCallDetails:
    details = grpc.aio.ClientCallDetails(
        "/tollbook.x.v1.X/Y", timeout, grpc.aio.Metadata(*metadata), None, None
    )
    return prepared(details, "x", ServiceToken(None))


async def test_a_neighbour_has_less_time_than_there_is_left() -> None:
    """The answer must still travel back."""
    running_call.enter_call("tollbook.y.v1.Y/Z", 2.0)
    timeout = sent().timeout
    assert timeout is not None
    assert 1.5 < timeout <= 2.0 - RETURN_SECONDS
    assert sent(0.5).timeout == 0.5


async def test_a_hopeless_call_is_not_made() -> None:
    """Whoever has no time left does not ask."""
    running_call.enter_call("tollbook.y.v1.Y/Z", RETURN_SECONDS / 2)
    with pytest.raises(DomainError, match="DEADLINE_EXCEEDED"):
        sent()


async def test_a_call_outside_an_rpc_has_the_deadline_of_the_contract() -> None:
    """The channel knows it."""
    assert sent().timeout is None


async def test_calls_are_for_the_tenant_of_the_call_they_serve() -> None:
    """Unless the code names another, and never for all at once."""
    enter_call(Caller("s", "acme", frozenset()))
    assert dict(sent().metadata or ())["tollbook-tenant"] == "acme"
    with acting_for("globex"):
        assert dict(sent().metadata or ())["tollbook-tenant"] == "globex"
    enter_call(Caller("operator", "*", frozenset()))
    assert "tollbook-tenant" not in dict(sent().metadata or ())


async def test_what_the_code_gave_is_left_alone(tmp_path: Path) -> None:
    """A call made with a customer's own token stays the customer's."""
    token_file = tmp_path / "token"
    token_file.write_text("ours\n")
    token = ServiceToken(token_file)
    assert token.current() == "ours"
    details = grpc.aio.ClientCallDetails(
        "/x", None, grpc.aio.Metadata(("authorization", "Bearer theirs")), None, None
    )
    metadata = list(prepared(details, "x", token).metadata or ())
    assert [value for key, value in metadata if key == "authorization"] == ["Bearer theirs"]

"""The command `tollbook`: its subcommands, and how their failures are told."""

import sys
from pathlib import Path
from typing import Annotated

import grpc
import typer

from chassis.settings import SettingsError
from cli.account_decks import set_account_decks
from cli.base_currency import base_currency
from cli.bills import bill
from cli.calendars import set_calendar
from cli.call_files import import_calls
from cli.charges import explain, refund
from cli.connection import DATA_FOLDER, DATA_VARIABLE, TOKEN_VARIABLE, connection_from
from cli.dead_letters import dead_letters
from cli.exchange_rates import add_exchange_rates
from cli.instruments import attach_instrument, instruments
from cli.ledger_export import export_ledger, prove_entries
from cli.output import complain
from cli.plans import publish_plan
from cli.price import price
from cli.rate_decks import import_deck
from cli.reconcile import reconcile
from cli.replay import replay
from cli.routes import route
from cli.run import run
from cli.serve import migrate, serve
from cli.suppliers import set_supplier, suppliers
from cli.suspense import suspense
from cli.top_ups import collections, set_top_up, top_up
from kernel.errors import DomainError

app = typer.Typer(
    help="A real-time billing suite for voice over IP.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    context: typer.Context,
    data: Annotated[
        Path, typer.Option(envvar=DATA_VARIABLE, help="Folder of the suite on this machine.")
    ] = DATA_FOLDER,
    token_file: Annotated[
        Path | None, typer.Option(envvar=TOKEN_VARIABLE, help="Token; else the operator's there.")
    ] = None,
) -> None:
    """Say where the suite is: <SERVICE>_ADDRESS names services that run elsewhere."""
    context.obj = connection_from(data, token_file)


COMMANDS = (
    *(run, serve, migrate),
    *(import_deck, publish_plan, add_exchange_rates, base_currency),
    *(set_calendar, set_account_decks, set_supplier, suppliers),
    *(price, route, import_calls, explain, refund, bill),
    *(attach_instrument, instruments, set_top_up, top_up, collections),
    *(replay, reconcile, export_ledger, prove_entries),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(suspense, name="suspense")


def main() -> None:
    """Run the command; an expected failure ends with status 1 and one sentence."""
    try:
        app()
    except (DomainError, SettingsError) as error:
        complain(str(error))
        sys.exit(1)
    except grpc.aio.AioRpcError as error:
        complain(f"{error.code().name}: {error.details()}")
        sys.exit(1)


if __name__ == "__main__":
    main()

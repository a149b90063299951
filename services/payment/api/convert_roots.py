"""Between the messages of roots and proofs and the values of the domain."""

from collections.abc import Callable

from chassis.grpc.convert import time_to_proto
from services.payment.api.convert import entry_to_proto
from services.payment.domain.ledger.hash_chain import Chain
from services.payment.domain.ledger.ledger_root import ChainRoot
from services.payment.domain.ledger.root_audit import StoredRoot
from services.payment.store.ledger_accounts import BalanceOverTime
from services.payment.usecases.ledger.prove_entry import EntryProof
from tollbook.payment.v1 import ledger_root_pb2
from tollbook.payment.v1.ledger_root_service_pb2 import ProveEntryResponse


def root_to_proto(
    found: StoredRoot, is_shown: Callable[[Chain], bool]
) -> ledger_root_pb2.LedgerRoot:
    """A root as it is stored, with those of its chains that its reader may see."""
    root, stored = found
    return ledger_root_pb2.LedgerRoot(
        start_time=time_to_proto(root.start_time),
        end_time=time_to_proto(root.end_time),
        chain_count=len(root.chains),
        previous_root=root.previous_root.hex(),
        tree_root=root.tree.root.hex(),
        root=stored.hex(),
        signature=root.signature.hex(),
        chains=[
            _chain_to_proto(each, place, root.tree.path(place))
            for place, each in enumerate(root.chains)
            if is_shown(each.chain)
        ],
    )


def proof_to_proto(proof: EntryProof) -> ProveEntryResponse:
    """The proof of an entry as the contract shows it."""
    chain, _ = proof.placed
    return ProveEntryResponse(
        journal_entry=entry_to_proto(proof.placed),
        previous_hash=proof.previous_hash.hex(),
        place=proof.place,
        path=[neighbour.hex() for neighbour in proof.path],
        ledger_root=root_to_proto(proof.root, lambda each: each == chain),
    )


def balance_over_time_to_proto(balance: BalanceOverTime) -> ledger_root_pb2.LedgerAccountBalance:
    """What a ledger account had, as the contract shows it."""
    return ledger_root_pb2.LedgerAccountBalance(
        legal_entity_id=balance.legal_entity_id,
        partition=balance.partition,
        ledger_account=balance.kind,
        account_id=balance.account_id,
        currency_code=balance.currency,
        opening_micros=balance.opening_micros,
        closing_micros=balance.closing_micros,
    )


def _chain_to_proto(chain: ChainRoot, place: int, path: list[bytes]) -> ledger_root_pb2.ChainRoot:
    return ledger_root_pb2.ChainRoot(
        legal_entity_id=chain.chain.legal_entity_id,
        partition=chain.chain.partition,
        chain_sequence=chain.sequence,
        head_hash=chain.head_hash.hex(),
        entry_count=chain.entry_count,
        entries_root=chain.entries_root.hex(),
        place=place,
        path=[neighbour.hex() for neighbour in path],
    )

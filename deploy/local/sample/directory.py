"""Creates who is billed: tenants, legal entities, tax rates, customers, accounts and lines."""

from datetime import UTC, date, datetime

from chassis.grpc.client import acting_for
from chassis.grpc.convert import time_to_proto
from deploy.local.sample.operator import TAX_RATES, TENANTS, Account, LegalEntity, TaxRate, Tenant
from deploy.local.sample.session import Session, fixed_id
from tollbook.invoice.v1 import customer_pb2, invoice_service_pb2
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.type.v1.personal_text_pb2 import PersonalText
from tollbook.type.v1.time_range_pb2 import TimeRange


async def create_directory(session: Session) -> None:
    """Create both tenants with everything that calls and invoices need of them."""
    tenants = invoice_grpc.TenantServiceStub(session.channels["invoice"])
    for tenant in TENANTS:
        await tenants.CreateTenant(
            invoice_service_pb2.CreateTenantRequest(
                tenant=customer_pb2.Tenant(tenant_id=tenant.tenant_id, display_name=tenant.name),
                request_id=fixed_id(tenant.tenant_id),
            )
        )
        with acting_for(tenant.tenant_id):
            await _create_entities(session, tenant)
            await _create_accounts(session, tenant)
    customers = {(account.tenant, account.customer) for t in TENANTS for account in t.accounts}
    accounts = sum(len(tenant.accounts) for tenant in TENANTS)
    session.report(
        "Directory", f"{len(TENANTS)} tenants, {len(customers)} customers, {accounts} accounts"
    )


def account_id(account: Account) -> str:
    """The id of an account."""
    return fixed_id(account.tenant, "account", account.code)


def account_id_of(tenant: Tenant, code: str) -> str:
    """The id of a tenant's account with this code."""
    return fixed_id(tenant.tenant_id, "account", code)


async def _create_entities(session: Session, tenant: Tenant) -> None:
    entities = invoice_grpc.LegalEntityServiceStub(session.channels["invoice"])
    for entity in tenant.entities:
        await entities.CreateLegalEntity(
            invoice_service_pb2.CreateLegalEntityRequest(
                legal_entity=_entity_to_proto(tenant, entity),
                request_id=_entity_id(tenant, entity),
            )
        )
    countries = {entity.country for entity in tenant.entities}
    for rate in TAX_RATES:
        if rate.country in countries:
            await entities.CreateTaxRate(_tax_rate_request(tenant, rate))


async def _create_accounts(session: Session, tenant: Tenant) -> None:
    customers = invoice_grpc.CustomerServiceStub(session.channels["invoice"])
    for account in tenant.accounts:
        # An account of a known customer names it again, which changes nothing.
        await customers.CreateCustomer(_customer_request(account))
        await customers.CreateAccount(
            invoice_service_pb2.CreateAccountRequest(
                account=_account_to_proto(tenant, account), request_id=account_id(account)
            )
        )
        for kind, identifier in _lines(account):
            await customers.CreateLine(_line_request(account, kind, identifier))


def _lines(account: Account) -> list[tuple[customer_pb2.LineKind.ValueType, str]]:
    return [
        (customer_pb2.LINE_KIND_ACCOUNT_CODE, account.code),
        (customer_pb2.LINE_KIND_SIP_USER, account.sip_user),
    ]


def _entity_id(tenant: Tenant, entity: LegalEntity) -> str:
    return fixed_id(tenant.tenant_id, "entity", entity.code)


def _customer_id(account: Account) -> str:
    return fixed_id(account.tenant, "customer", account.customer)


def _entity_to_proto(tenant: Tenant, entity: LegalEntity) -> customer_pb2.LegalEntity:
    return customer_pb2.LegalEntity(
        legal_entity_id=_entity_id(tenant, entity),
        code=entity.code,
        display_name=entity.name,
        address_lines=entity.address,
        country_code=entity.country,
        tax_number=entity.tax_number,
        invoice_prefix=entity.invoice_prefix,
    )


def _tax_rate_request(tenant: Tenant, rate: TaxRate) -> invoice_service_pb2.CreateTaxRateRequest:
    rate_id = fixed_id(tenant.tenant_id, "tax", rate.country, rate.since.isoformat())
    return invoice_service_pb2.CreateTaxRateRequest(
        tax_rate=customer_pb2.TaxRate(
            tax_rate_id=rate_id,
            country_code=rate.country,
            display_name=rate.name,
            basis_points=rate.basis_points,
            effective_time=time_to_proto(_midnight(rate.since)),
        ),
        request_id=rate_id,
    )


def _customer_request(account: Account) -> invoice_service_pb2.CreateCustomerRequest:
    return invoice_service_pb2.CreateCustomerRequest(
        customer=customer_pb2.Customer(
            customer_id=_customer_id(account),
            external_id=account.customer,
            display_name=PersonalText(text=account.name),
            address=PersonalText(text=account.address),
            email=PersonalText(text=account.email),
            country_code=account.country,
        ),
        request_id=_customer_id(account),
    )


def _account_to_proto(tenant: Tenant, account: Account) -> customer_pb2.Account:
    payer = account_id_of(tenant, account.payer) if account.payer else ""
    mode = (
        customer_pb2.PAYMENT_MODE_PREPAID if account.prepaid else customer_pb2.PAYMENT_MODE_POSTPAID
    )
    return customer_pb2.Account(
        account_id=account_id(account),
        code=account.code,
        customer_id=_customer_id(account),
        legal_entity_id=_entity_id(tenant, tenant.entity_for(account)),
        payer_account_id=payer,
        currency_code=account.currency,
        time_zone=account.zone,
        payment_mode=mode,
        billing_day=1,
        start_time=time_to_proto(account.start),
    )


def _line_request(
    account: Account, kind: customer_pb2.LineKind.ValueType, identifier: str
) -> invoice_service_pb2.CreateLineRequest:
    line_id = fixed_id(account.tenant, "line", identifier)
    return invoice_service_pb2.CreateLineRequest(
        line=customer_pb2.Line(
            line_id=line_id,
            account_id=account_id(account),
            kind=kind,
            identifier=identifier,
            validity=TimeRange(start_time=time_to_proto(account.start)),
        ),
        request_id=line_id,
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

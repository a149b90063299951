"""Services may know each other by certificate: no token, and no plain text on the wire."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chassis.database.engine import Database
from chassis.grpc.client import acting_for, connect
from chassis.grpc.server import GrpcServer
from chassis.security.authority import LocalAuthority
from chassis.settings import CommonSettings, SettingsError
from kernel.clock import utc_now
from kernel.errors import DomainError
from tests.integration.chassis.fraud_api import FraudApi, servicers_of
from tollbook.fraud.v1 import fraud_service_pb2, fraud_service_pb2_grpc

RATING = "spiffe://tollbook/rating"
LIST_BLOCKS = fraud_service_pb2.ListBlocksRequest()


@dataclass
class CertificateAuthority:
    """An authority that certifies services by name."""

    folder: Path
    key: ec.EllipticCurvePrivateKey

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def certify(self, name: str) -> CommonSettings:
        """Settings with a fresh certificate of this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier(name), x509.DNSName("localhost")]
        )
        certificate = certificate_of(key, self.key, "service", alternatives)
        certificate_file = self.folder / f"{name.rpartition('/')[2]}.pem"
        key_file = certificate_file.with_suffix(".key")
        certificate_file.write_bytes(certificate)
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return CommonSettings(
            listen_address="localhost:0",
            tls_certificate_file=certificate_file,
            tls_key_file=key_file,
            tls_authority_file=self.file,
        )


def certificate_of(
    key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, name: str, *extensions: Any
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(hours=1))
        .not_valid_after(utc_now() + timedelta(hours=1))
    )
    for extension in extensions:
        is_critical = isinstance(extension, x509.BasicConstraints)
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(signer, SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    made = CertificateAuthority(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    made.file.write_bytes(certificate_of(made.key, made.key, "authority", constraints))
    return made


async def blocks_seen_by(client: CommonSettings, server: GrpcServer) -> Any:
    async with connect(f"localhost:{server.port}", "tollbook.fraud.v1", client) as channel:
        stub: Any = fraud_service_pb2_grpc.FraudServiceStub(channel)
        with acting_for("acme"):
            return await stub.ListBlocks(LIST_BLOCKS, timeout=5)


async def test_a_service_is_known_by_its_certificate(
    authority: CertificateAuthority, database: Database, tmp_path: Path
) -> None:
    """A listed name comes in, an unlisted one does not, and nobody without a certificate."""
    identities = tmp_path / "identities.json"
    identities.write_text(json.dumps({RATING: {"tenant": "*", "scopes": ["fraud.read"]}}))
    settings = replace(
        authority.certify("spiffe://tollbook/fraud"),
        trusted_identities_file=identities,
        trusted_keys_file=LocalAuthority.open(tmp_path / "keys").trusted_keys_file,
    )
    api = FraudApi(database)
    server = GrpcServer(servicers_of(api), settings)
    await server.start()
    try:
        await blocks_seen_by(authority.certify(RATING), server)
        assert [caller.subject for caller in api.callers] == [RATING]
        with pytest.raises(DomainError, match="CREDENTIAL_MISSING"):
            await blocks_seen_by(authority.certify("spiffe://tollbook/stranger"), server)
        for stranger in (CommonSettings(tls_authority_file=authority.file), CommonSettings()):
            with pytest.raises(DomainError, match=r"UNAVAILABLE|DEADLINE_EXCEEDED"):
                await blocks_seen_by(stranger, server)
    finally:
        await server.drain(1)


def test_half_a_certificate_is_refused(authority: CertificateAuthority) -> None:
    """A server that silently fell back to plain text would be worse than none."""
    half = replace(authority.certify(RATING), tls_key_file=None)
    with pytest.raises(SettingsError, match="set both or neither"):
        GrpcServer([], half)

"""How gRPC travels: TLS and the options of servers and channels."""

import grpc

from chassis.settings import CommonSettings, SettingsError

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
METADATA_BYTES_MAX = 64 * 1024
KEEPALIVE_INTERVAL_MS = 30_000
KEEPALIVE_TIMEOUT_MS = 10_000
KEEPALIVE_INTERVAL_MIN_MS = 10_000
# Connections are renewed so that new replicas get their share of the calls.
CONNECTION_AGE_MS_MAX = 10 * 60_000

RECONNECT_WAIT_MS = 200
RECONNECT_WAIT_MS_MAX = 1_000

_COMMON_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_INTERVAL_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
]
SERVER_OPTIONS: list[tuple[str, int | str]] = [
    *_COMMON_OPTIONS,
    # Two processes on one port would share its calls without anybody noticing.
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_INTERVAL_MIN_MS),
    ("grpc.max_connection_age_ms", CONNECTION_AGE_MS_MAX),
]
# A neighbour that was restarted is found again within a second or two; gRPC's own wait grows to two
# minutes, for clients by the million.
CHANNEL_OPTIONS: list[tuple[str, int | str]] = [
    *_COMMON_OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", RECONNECT_WAIT_MS),
    ("grpc.min_reconnect_backoff_ms", RECONNECT_WAIT_MS),
    ("grpc.max_reconnect_backoff_ms", RECONNECT_WAIT_MS_MAX),
]


def server_credentials(settings: CommonSettings) -> grpc.ServerCredentials | None:
    """TLS when there is a certificate; mTLS when there is an authority besides. None without."""
    certificate = _certificate(settings)
    if certificate is None:
        return None
    authority = _authority(settings)
    key, chain = certificate
    return grpc.ssl_server_credentials(
        [(key, chain)], authority, require_client_auth=authority is not None
    )


def channel_credentials(settings: CommonSettings) -> grpc.ChannelCredentials | None:
    """TLS when there is a certificate, which is shown, or an authority. None without either."""
    certificate, authority = _certificate(settings), _authority(settings)
    if certificate is None and authority is None:
        return None
    key, chain = certificate or (None, None)
    return grpc.ssl_channel_credentials(authority, key, chain)


def _certificate(settings: CommonSettings) -> tuple[bytes, bytes] | None:
    """The key and the certificate chain."""
    certificate_file, key_file = settings.tls_certificate_file, settings.tls_key_file
    if certificate_file is None and key_file is None:
        return None
    if certificate_file is None or key_file is None:
        raise SettingsError("TLS_CERTIFICATE_FILE and TLS_KEY_FILE: set both or neither")
    return key_file.read_bytes(), certificate_file.read_bytes()


def _authority(settings: CommonSettings) -> bytes | None:
    authority_file = settings.tls_authority_file
    return None if authority_file is None else authority_file.read_bytes()

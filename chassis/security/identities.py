"""Who the holders of client certificates are: a table from the certificate's name to a caller."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from chassis.security.caller import Caller

# gRPC lists them under these keys after it has verified the certificate.
NAME_KEYS = ("x509_subject_alternative_name", "x509_common_name")


class TrustedIdentities:
    """The table `{"<name>": {"tenant": "*", "scopes": [...]}}` of a file.

    The name is a subject alternative name (spiffe://installation/rating, a DNS name) or the common
    name of a certificate of the trusted authority.
    """

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        self._callers = callers

    @classmethod
    def read(cls, path: Path | None) -> "TrustedIdentities":
        """Read the table; without a file nobody is known by certificate."""
        table = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
        return cls(
            {
                name: Caller(name, entry["tenant"], frozenset(entry["scopes"]))
                for name, entry in table.items()
            }
        )

    def identify(self, auth_context: Mapping[str, Iterable[bytes]]) -> Caller | None:
        """The caller that a verified certificate stands for."""
        for key in NAME_KEYS:
            for name in auth_context.get(key, ()):
                caller = self._callers.get(name.decode(errors="replace"))
                if caller is not None:
                    return caller
        return None

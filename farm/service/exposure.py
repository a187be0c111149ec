"""What of the farm's addresses others on the network may reach or read: nothing here is a fault by itself."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from farm.settings import Settings, is_loopback


def findings(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """What is worth knowing: the check's name, what was found, and what to do."""
    ledger = urlsplit(settings.ledger_url)
    if not settings.is_sqlite and not is_loopback(ledger.hostname) and not ledger.password:
        found = f"the address of Postgres at {ledger.hostname} holds no password"
        yield "ledger's door", found, "put one in FARM_LEDGER_URL_FILE, unless a certificate or a pgpass file opens it"
    if not is_loopback(settings.api_host):
        found = f"the API listens on {settings.api_host} and speaks HTTP without TLS: keys can be read on the way"
        yield "api's door", found, "let a proxy that ends TLS alone reach it, or set FARM_API_HOST=127.0.0.1"

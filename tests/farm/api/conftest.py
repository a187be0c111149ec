"""The API over real HTTP, on a real ledger and folder: a uvicorn in a thread for each test."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from farm.api.app import create_app
from farm.api.serving import server_config
from farm.ledger import Role
from farm.service import Service
from farm.settings import Settings
from tests.farm.stocking import CountingQueue, add_cascade

START_S = 60.0


@contextmanager
def served(app: FastAPI, **options: Any) -> Iterator[str]:
    """The app behind a free port of this machine, with the server's own limits; its address."""
    config = server_config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline_s = time.monotonic() + START_S
    while not server.started:
        assert thread.is_alive(), "the API did not start"
        assert time.monotonic() < deadline_s, "the API did not start in time"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_S)


@pytest.fixture(scope="session")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One API for all tests that send it what it must refuse: it has a cascade `demo`, and is there to the end."""
    settings = Settings.model_validate({"home": tmp_path_factory.mktemp("besieged"), "tick_s": 3600.0})
    app = create_app(settings)
    with served(app) as address, httpx.Client(base_url=address, timeout=20, trust_env=False) as client:
        service: Service = app.state.service
        add_cascade(service)
        client.headers["Authorization"] = f"Bearer {service.ledger.create_key('test', Role.ARTIST)[1]}"
        yield client


@pytest.fixture
def quiet(settings: Settings) -> Settings:
    """Settings of an API whose tick does not come while a test runs."""
    return settings.model_copy(update={"tick_s": 3600.0})


@pytest.fixture
def app(quiet: Settings) -> FastAPI:
    return create_app(quiet)


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[httpx.Client]:
    """Somebody without a key."""
    with served(app) as address, httpx.Client(base_url=address, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def secret(service: Service) -> str:
    return service.ledger.create_key("test", Role.ARTIST)[1]


@pytest.fixture
def api(stranger: httpx.Client, secret: str) -> httpx.Client:
    """Somebody with a key."""
    stranger.headers["Authorization"] = f"Bearer {secret}"
    return stranger


@pytest.fixture
def api_service(app: FastAPI, stranger: httpx.Client) -> Service:
    """The API's own service, which is another than the test's."""
    service: Service = app.state.service
    return service


@pytest.fixture
def api_queue(api_service: Service) -> CountingQueue:
    """The queue of the API's own service, replaced by one that counts."""
    queue = CountingQueue()
    api_service.queue = queue  # type: ignore[assignment]
    return queue

"""Composition root of an API process: settings → service → routes, and the tick."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import Depends, FastAPI

from farm import logs
from farm.api import problems, roles
from farm.api.access import admit
from farm.api.access_log import AccessLog
from farm.api.flower import FlowerClient
from farm.api.metrics import FarmCollector, RequestNumbers
from farm.api.routes import (
    accounts,
    choosing,
    datasets,
    docs,
    estimates,
    evaluations,
    flower,
    health,
    jobs,
    keys,
    metrics,
    objects,
    records,
    retention,
    reviewing,
    runs,
    uploads,
    verifying,
)
from farm.api.routes import logs as task_logs
from farm.api.serving import Guarded
from farm.dispatch import Ticker
from farm.service import open_service
from farm.service.numbers import Census
from farm.service.reviewing import Reviewing
from farm.settings import Settings, load_settings
from farm.web import review_page

DESCRIPTION = "A render farm for portraits of people who do not exist."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API on the farm of `settings`, or of the environment where none are given."""
    if settings is None:  # a process of its own
        settings = load_settings()
        logs.set_up(settings)
    app = Api(
        title="Portrait farm",
        description=DESCRIPTION,
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(admit)],
        lifespan=_lifespan(settings),
    )
    problems.install(app)
    app.state.numbers, app.state.review_page = RequestNumbers(), review_page()
    app.add_middleware(Guarded)
    app.add_middleware(AccessLog, numbers=app.state.numbers)
    making = (jobs, estimates, verifying, choosing, evaluations, uploads, records, runs, datasets)
    for routes in (*making, retention, reviewing, accounts, keys, flower, objects, task_logs, metrics, health, docs):
        app.include_router(routes.router)
    return app


class Api(FastAPI):
    """FastAPI whose OpenAPI document tells the role each address asks for."""

    def openapi(self) -> dict[str, Any]:
        """The document, drawn once."""
        if self.openapi_schema is None:
            self.openapi_schema = roles.tell(super().openapi())
        return self.openapi_schema


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        flower = FlowerClient(settings.flower_url) if settings.flower_url else nullcontext()
        with open_service(settings) as service, flower as app.state.flower:
            app.state.service = service
            app.state.reviewing = Reviewing(ledger=service.ledger, storage=service.storage)
            census = Census(ledger=service.ledger, queue=service.queue, storage=service.storage)
            app.state.numbers.registry.register(FarmCollector(census))
            ticker = Ticker(dispatcher=service.dispatcher, tick_s=settings.tick_s)
            ticker.start()
            try:
                yield
            finally:
                ticker.stop()

    return lifespan

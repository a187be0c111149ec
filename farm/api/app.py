"""Composition root of an API process: settings → service → routes, and the tick."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import Depends, FastAPI

from farm.api import problems
from farm.api.access import require_key
from farm.api.routes import health, jobs, objects, records, uploads
from farm.dispatch import Ticker
from farm.service import open_service
from farm.settings import Settings, load_settings

DESCRIPTION = "A render farm for portraits of people who do not exist."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API on the farm of `settings` (the environment's where none are given): `uvicorn --factory` calls this."""
    app = FastAPI(
        title="Portrait farm",
        description=DESCRIPTION,
        version="1",
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(settings or load_settings()),
    )
    problems.install(app)
    for routes in (jobs, uploads, records):
        app.include_router(routes.router, dependencies=[Depends(require_key)])
    # These two have doors of their own: health tells nothing, and a link's signature is its key.
    for routes in (objects, health):
        app.include_router(routes.router)
    return app


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with open_service(settings) as service:
            app.state.service = service
            ticker = Ticker(dispatcher=service.dispatcher, tick_s=settings.tick_s)
            ticker.start()
            try:
                yield
            finally:
                ticker.stop()

    return lifespan

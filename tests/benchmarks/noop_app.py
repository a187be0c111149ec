"""A bare Celery app with the farm's transport settings and a task that does nothing, to measure Celery alone."""

import time

import redis
from celery import Celery

from farm.queue import make_app
from farm.settings import load_settings

MARKS = "bench:marks"


def __getattr__(name: str) -> Celery:
    if name != "app":
        raise AttributeError(name)
    settings = load_settings()
    app = make_app(settings)
    app.conf.worker_pool_start_method = "fork"  # a spawned child would not find tasks that are made here

    @app.task(name="noop")
    def noop() -> None:
        return None

    @app.task(name="mark")
    def mark() -> None:
        with redis.Redis.from_url(settings.redis_url) as client:
            client.rpush(MARKS, str(time.time()))

    app.set_default()
    return app

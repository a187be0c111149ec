"""`celery -A tests.workers.toy.app worker`: the real worker around the toy bench."""

from farm.settings import load_settings
from workers.app import WorkerApp, build_parent


def __getattr__(name: str) -> WorkerApp:
    if name == "app":
        return build_parent(load_settings(), bench_module="tests.workers.toy.bench")
    raise AttributeError(name)

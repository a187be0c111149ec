"""The queue: wire names, transport settings, and a Redis that comes and goes."""

import json
import time

import pytest
import redis

from farm.errors import QueueUnavailable, SettingsInvalid
from farm.queue import TICKET_OF, TicketQueue, device_label, flower_argv, make_app, worker_argv, worker_name
from farm.settings import Settings
from farm.specs.kinds import QUEUES
from tests.services.process import free_ports
from tests.services.redis import RedisServer


def settings_for(url: str, tmp_path: object, **told: object) -> Settings:
    return Settings.model_validate({"home": str(tmp_path), "redis_url": url, **told})


def test_tickets_are_acknowledged_early_and_never_retried_or_stored(tmp_path: object) -> None:
    conf = make_app(settings_for("redis://127.0.0.1:1/0", tmp_path)).conf
    assert conf.task_acks_late is False
    assert conf.task_ignore_result is True
    assert conf.result_backend is None
    assert conf.task_publish_retry is False
    assert (conf.worker_prefetch_multiplier, conf.worker_disable_prefetch) == (1, True)
    assert (conf.worker_pool, conf.worker_concurrency, conf.worker_pool_start_method) == ("prefork", 1, "spawn")
    assert conf.worker_soft_shutdown_timeout == 0


def test_only_json_is_spoken(tmp_path: object) -> None:
    conf = make_app(settings_for("redis://127.0.0.1:1/0", tmp_path)).conf
    assert list(conf.accept_content) == ["json"]
    assert (conf.task_serializer, conf.event_serializer) == ("json", "json")


def test_every_queue_has_a_ticket_and_no_other_queue_can_appear(tmp_path: object) -> None:
    conf = make_app(settings_for("redis://127.0.0.1:1/0", tmp_path)).conf
    assert [queue.name for queue in conf.task_queues] == list(QUEUES) == list(TICKET_OF)
    assert conf.task_create_missing_queues is False


def test_tickets_carry_nothing_and_wait_under_the_farms_prefix(redis_url: str, tmp_path: object) -> None:
    queue = TicketQueue(settings_for(redis_url, tmp_path, key_prefix="studio"))
    queue.send("render", 3)
    with redis.Redis.from_url(redis_url) as client:
        assert all(key.startswith(b"studio:") for key in client.keys("*"))
        message = json.loads(client.lrange("studio:render", 0, 0)[0])
    assert message["headers"]["task"] == "render"
    assert message["headers"]["argsrepr"] == "()"
    assert message["content-type"] == "application/json"
    assert queue.waiting("render") == 3
    assert queue.waiting("cpu") == 0
    queue.close()


def test_two_farms_share_one_redis_without_seeing_each_other(redis_url: str, tmp_path: object) -> None:
    mine, yours = (TicketQueue(settings_for(redis_url, tmp_path, key_prefix=name)) for name in ("mine", "yours"))
    mine.send("cpu", 2)
    assert (mine.waiting("cpu"), yours.waiting("cpu")) == (2, 0)
    mine.close()
    yours.close()


def test_a_silent_redis_is_one_clear_error_within_seconds_and_tells_no_password(tmp_path: object) -> None:
    port = free_ports(1)[0]
    queue = TicketQueue(settings_for(f"redis://:hush@127.0.0.1:{port}/0", tmp_path))
    for ask in (queue.ping, lambda: queue.waiting("render"), lambda: queue.send("render", 1)):
        began_s = time.monotonic()
        with pytest.raises(QueueUnavailable, match=f"127.0.0.1:{port}") as caught:
            ask()
        assert time.monotonic() - began_s < 10
        assert "hush" not in str(caught.value)
    queue.close()


def test_the_queue_works_again_when_redis_is_back_and_when_it_was_wiped(
    redis_server: RedisServer, tmp_path: object
) -> None:
    queue = TicketQueue(settings_for(redis_server.url, tmp_path))
    queue.send("train", 1)
    redis_server.wipe()
    queue.send("train", 2)
    assert queue.waiting("train") == 2, "tickets sent after a wipe must arrive although every binding is gone"
    redis_server.kill()
    with pytest.raises(QueueUnavailable):
        queue.waiting("train")
    redis_server.start()
    queue.send("train", 1)
    assert queue.waiting("train") == 1
    queue.close()


def test_no_redis_address_is_a_setting_that_is_missing(tmp_path: object) -> None:
    with pytest.raises(SettingsInvalid, match="FARM_REDIS_URL"):
        make_app(settings_for("", tmp_path))


def test_worker_names_say_host_and_device(tmp_path: object) -> None:
    settings = settings_for("redis://127.0.0.1:1/0", tmp_path, device="cuda:1")
    assert device_label(settings) == "cuda1"
    assert worker_name(settings).endswith("-cuda1")
    assert worker_name(settings.model_copy(update={"worker_name": "easel-7"})) == "easel-7"


def test_the_commands_of_worker_and_flower_tell_no_secret(tmp_path: object) -> None:
    settings = settings_for("redis://:hush@127.0.0.1:1/0", tmp_path)
    worker, flower = worker_argv(settings, queues=("render",)), flower_argv(settings, port=8801)
    assert worker[worker.index("--queues") + 1] == "render"
    assert "--read_only" in flower
    assert "hush" not in " ".join(worker + flower)

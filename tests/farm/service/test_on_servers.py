"""The same verbs on Postgres, S3 and Redis as on one machine's files."""

import httpx
import pytest

from farm.service import open_service
from farm.settings import load_settings
from tests.farm.stocking import add_cascade, work_off


@pytest.mark.needs_postgres
@pytest.mark.needs_s3
@pytest.mark.needs_redis
def test_a_job_goes_from_submission_to_links_on_postgres_s3_and_redis(
    postgres_url: str, s3_environment: dict[str, str], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a farm on servers
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings({**s3_environment, "FARM_LEDGER_URL": postgres_url, "FARM_REDIS_URL": redis_url})

    with open_service(settings) as service:
        assert service.health().ok
        add_cascade(service)

        # When portraits are asked for and painted
        job_id = service.submit({"kind": "render", "cascade": "demo", "seeds": "0..4", "size_px": 32}).job.id
        work_off(service)

        # Then each is behind a link that needs nothing but itself
        page = service.portraits(job_id)
        bodies = [httpx.get(str(view.url), trust_env=False).content for view in page.portraits]
        assert bodies == [f"portrait {view.recipe}".encode() for view in page.portraits]
        assert service.job(job_id).job.state.value == "done"
        assert all(check.ok is not False for check in service.doctor())

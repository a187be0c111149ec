"""The farm's numbers, for Prometheus: `authorization: {credentials: <key>}` in its configuration."""

from fastapi import APIRouter, Request, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from farm.api.metrics import RequestNumbers

router = APIRouter(tags=["health"])


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}, "description": "the numbers"}}
)
def metrics(request: Request) -> Response:
    """Every number of the farm and of this API process, in Prometheus' text format."""
    numbers: RequestNumbers = request.app.state.numbers
    return Response(generate_latest(numbers.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

"""API keys: who may come in, and as what."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from farm.api.access import Farm
from farm.api.bodies import json_body
from farm.api.key_answers import KeyOut, NewKeyOut, RevokedOut
from farm.errors import InvalidInput, Problem
from farm.recipe import SEED_LIMIT

router = APIRouter(prefix="/v1", tags=["keys"])

KeyId = Annotated[int, Path(ge=1, lt=SEED_LIMIT, description="the key's number")]

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["name", "role"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "description": "whose it is: keys of one name see the same jobs"},
                        "role": {"enum": ["viewer", "artist", "admin"]},
                    },
                }
            }
        },
    }
}


@router.get("/keys")
def listing(farm: Farm) -> list[KeyOut]:
    """Every key, the revoked ones too, oldest first."""
    return [KeyOut.of(key) for key in farm.keys()]  # noqa: SIM118 - no dictionary


@router.post("/keys", status_code=201, openapi_extra=_BODY)
def create(farm: Farm, body: Annotated[dict[str, Any], Depends(json_body)]) -> NewKeyOut:
    """Make a key. Its secret is in this answer and nowhere else."""
    problems = [Problem(str(name)[:64], "there is no such field") for name in body.keys() - {"name", "role"}]
    problems += [Problem(name, "send a text") for name in ("name", "role") if not isinstance(body.get(name), str)]
    if problems:
        raise InvalidInput("the key has mistakes", problems=problems)
    key, secret = farm.create_key(body["name"], body["role"])
    return NewKeyOut(**KeyOut.of(key).model_dump(), secret=secret)


@router.delete("/keys/{key_id}")
def revoke(farm: Farm, key_id: KeyId) -> RevokedOut:
    """Revoke a key: the next request that brings it is refused."""
    return RevokedOut(changed=farm.revoke_key(key_id))


@router.get("/door", status_code=204, response_class=Response)
def door() -> None:
    """Whether a key of role viewer came along, for a proxy that asks before it lets anybody through.

    204: yes. 401: none, or one that is not known. Besides Bearer, the key may come as the password of HTTP Basic.
    """

"""Who asks: the key that came with a request, what its role allows, and whose the named thing is."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from farm import logs
from farm.api.roles import OWNED, PUBLIC, ROLES, address, takes_password
from farm.errors import Forbidden, InvalidInput, NotFound, Problem, Unauthorised
from farm.ledger import ApiKey, Role
from farm.recipe import SEED_LIMIT
from farm.service import Service
from farm.specs import jobs_named, parse_spec
from farm.specs.kinds import EVALUATION_KINDS

SECRET_MAX_CHARS = 256
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
# It reads nothing: it tells the OpenAPI document how to send a key.
_bearer = HTTPBearer(auto_error=False, description="the key that `farm up` shows, or one of `farm keys create`")


def get_service(request: Request) -> Service:
    """The service of this process."""
    service: Service = request.app.state.service
    return service


Farm = Annotated[Service, Depends(get_service)]


def admit(request: Request, farm: Farm, _: Annotated[object, Depends(_bearer)] = None) -> ApiKey | None:
    """The one door every address is behind: the key that came with the request; None where the address is public.

    Raises Unauthorised without a known key, Forbidden where its role is too small, NotFound where the address names
    a job of somebody else: to a key that may not see it, it is not there. InvalidInput for a number that is none.
    """
    path = request.scope["route"].path
    line = address(request.method, path)
    needed = ROLES.get(line, Role.ADMIN)
    if needed is PUBLIC:
        return None
    key = _known(farm, _secret(request, password_too=takes_password(path)))
    logs.note(key=key.name)
    if line not in ROLES:
        raise Forbidden("no role was given to this address, so nobody may use it: a fault of the farm")
    if not key.role.covers(needed):
        raise Forbidden(f"this needs a key of role {needed}; yours, {key.name!r}, is of role {key.role}")
    if key.role is not Role.ADMIN:
        _owned(farm, key.name, request)
    return key


def require_key(key: Annotated[ApiKey | None, Depends(admit)]) -> ApiKey:
    """The key that came with the request. Raises Unauthorised where there is none."""
    if key is None:
        raise Unauthorised("send your key as `Authorization: Bearer <key>`")
    return key


Key = Annotated[ApiKey, Depends(require_key)]


def owner_of(key: ApiKey) -> str | None:
    """Whose jobs the key may list; None: everybody's."""
    return None if key.role is Role.ADMIN else key.name


def may_name_jobs(farm: Service, key: ApiKey, spec: Mapping[str, Any]) -> None:
    """Raises InvalidInput where an evaluation names a job that the key may not see: to it, it is not there."""
    owner = owner_of(key)
    if owner is None or str(spec.get("kind")) not in EVALUATION_KINDS:
        return
    foreign = [job for job in jobs_named(parse_spec(spec)) if not farm.ledger.owns_job(owner, job)]
    if foreign:
        problems = [Problem("job", f"there is no job {job}") for job in foreign]
        raise InvalidInput("the job has mistakes", problems=problems)


def _secret(request: Request, *, password_too: bool) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if password_too and scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    raise Unauthorised("send your key as `Authorization: Bearer <key>`")


def _known(farm: Service, secret: str) -> ApiKey:
    found = farm.ledger.find_key(secret) if 0 < len(secret) <= SECRET_MAX_CHARS else None
    if found is None:
        raise Unauthorised("this key is not known")
    return found


def _owned(farm: Service, name: str, request: Request) -> None:
    """Raises NotFound where the address names a job or task of another name."""
    owns = {"job_id": farm.ledger.owns_job, "task_id": farm.ledger.owns_task}
    for parameter in OWNED:
        text = request.path_params.get(parameter)
        if text is None:
            continue
        # Only the plain spelling: what a later reader took for the same number would lead past this door.
        if not _NUMBER.fullmatch(text) or int(text) >= SEED_LIMIT:
            raise InvalidInput("the address is wrong", problems=[Problem(parameter, "must be a number from 1")])
        if not owns[parameter](name, int(text)):
            raise NotFound(f"there is no {parameter.removesuffix('_id')} {text}")

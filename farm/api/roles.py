"""Which role each address asks for: one table, and nothing else decides it.

An address without a line here is shut to everybody, and a test names it.
"""

from typing import Any, Final

from farm.ledger import Role

PUBLIC: Final = None
"""Open to anybody: it tells nothing, or a signature in its address is its key."""

ROLES: Final[dict[str, Role | None]] = {
    # Health tells words only; /docs and /openapi.json tell what there is; /v1/objects asks for a signature. The review
    # page is the same for every name and holds nothing: it asks its reader for a key.
    "GET /health": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /v1/objects/{key}": PUBLIC,
    "GET /review/{name}": PUBLIC,
    "GET /review-offline.js": PUBLIC,
    # Looking on
    "GET /v1/door": Role.VIEWER,
    "GET /flower": Role.VIEWER,
    "GET /flower/{page}": Role.VIEWER,
    "POST /flower/tasks/datatable": Role.VIEWER,
    "GET /v1/jobs": Role.VIEWER,
    "GET /v1/jobs/{job_id}": Role.VIEWER,
    "GET /v1/jobs/{job_id}/tasks": Role.VIEWER,
    "GET /v1/jobs/{job_id}/failures": Role.VIEWER,
    "GET /v1/jobs/{job_id}/log": Role.VIEWER,
    "GET /v1/tasks/{task_id}/log": Role.VIEWER,
    "GET /v1/jobs/{job_id}/portraits": Role.VIEWER,
    "GET /v1/jobs/{job_id}/files": Role.VIEWER,
    "GET /v1/jobs/{job_id}/verification": Role.VIEWER,
    "GET /v1/jobs/{job_id}/ranking": Role.VIEWER,
    "GET /v1/jobs/{job_id}/evaluation": Role.VIEWER,
    "GET /v1/jobs/{job_id}/verdict": Role.VIEWER,
    "GET /v1/jobs/{job_id}/certificates": Role.VIEWER,
    "GET /v1/datasets": Role.VIEWER,
    "GET /v1/datasets/{name}": Role.VIEWER,
    "GET /v1/datasets/{name}/review": Role.VIEWER,
    "GET /v1/datasets/{name}/review/photos": Role.VIEWER,
    "GET /v1/datasets/{name}/review/previews/{sha256}": Role.VIEWER,
    "GET /v1/datasets/{name}/review/disagreements": Role.VIEWER,
    "GET /v1/datasets/{name}/review/labels": Role.VIEWER,
    "GET /v1/datasets/{name}/comparison": Role.VIEWER,
    "GET /v1/datasets/{name}/report": Role.VIEWER,
    "GET /v1/runs": Role.VIEWER,
    "GET /v1/runs/{name}": Role.VIEWER,
    "GET /v1/runs/{name}/configuration": Role.VIEWER,
    "GET /v1/runs/{name}/log": Role.VIEWER,
    "GET /v1/runs/{name}/events": Role.VIEWER,
    "GET /v1/runs/{name}/film": Role.VIEWER,
    "GET /v1/runs/{name}/page": Role.VIEWER,
    "GET /v1/run-table": Role.VIEWER,
    "GET /v1/cascades": Role.VIEWER,
    "GET /v1/cascades/{reference}": Role.VIEWER,
    "GET /v1/cascades/{reference}/archive": Role.VIEWER,
    "GET /v1/workers": Role.VIEWER,
    "GET /v1/usage": Role.VIEWER,
    "GET /metrics": Role.VIEWER,
    # Making
    "POST /v1/jobs": Role.ARTIST,
    "POST /v1/estimates": Role.ARTIST,
    "POST /v1/jobs/{job_id}/cancel": Role.ARTIST,
    "POST /v1/jobs/{job_id}/pause": Role.ARTIST,
    "POST /v1/jobs/{job_id}/resume": Role.ARTIST,
    "POST /v1/jobs/{job_id}/retry": Role.ARTIST,
    "POST /v1/jobs/{job_id}/stop": Role.ARTIST,
    "POST /v1/sweeps": Role.ARTIST,
    "POST /v1/jobs/{job_id}/priority": Role.ARTIST,
    "POST /v1/jobs/{job_id}/budget": Role.ARTIST,
    "POST /v1/jobs/{job_id}/extend": Role.ARTIST,
    "POST /v1/jobs/{job_id}/verify": Role.ARTIST,
    "POST /v1/jobs/{job_id}/rank": Role.ARTIST,
    "POST /v1/jobs/{job_id}/promote": Role.ARTIST,
    "POST /v1/datasets/{name}/review/labels": Role.ARTIST,
    "POST /v1/datasets/{name}/reverdict": Role.ARTIST,
    "PUT /v1/photos/{sha256}": Role.ARTIST,
    "POST /v1/intakes": Role.ARTIST,
    "PUT /v1/jobs/{job_id}/portraits/{seed}/star": Role.ARTIST,
    "DELETE /v1/jobs/{job_id}/portraits/{seed}/star": Role.ARTIST,
    # Deciding for everybody
    "DELETE /v1/jobs/{job_id}": Role.ADMIN,
    "GET /v1/collection": Role.ADMIN,
    "POST /v1/collection": Role.ADMIN,
    "GET /v1/accounts": Role.ADMIN,
    "PUT /v1/accounts/{name}": Role.ADMIN,
    "GET /v1/keys": Role.ADMIN,
    "POST /v1/keys": Role.ADMIN,
    "DELETE /v1/keys/{key_id}": Role.ADMIN,
}

OWNED: Final = ("job_id", "task_id")
"""Parameters that name something of one owner: a key that is no admin's finds only what its own name submitted."""

SHARED: Final = ("key", "page", "name", "reference", "sha256", "key_id", "seed")
"""Parameters that name what the whole farm shares, or what a role alone decides about."""


def address(method: str, path: str) -> str:
    """A route's line in ROLES."""
    return f"{method} {path.replace(':path}', '}')}"


def takes_password(path: str) -> bool:
    """True where a browser may send the key as an HTTP Basic password.

    Browsers send that by themselves, on requests that foreign pages make too, so it opens only what changes nothing.
    """
    return path in ("/flower", "/v1/door") or path.startswith("/flower/")


def tell(schema: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with each operation's role in it, as `x-role` and in words."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            role = ROLES.get(address(method.upper(), path))
            if role is PUBLIC:
                operation.pop("security", None)
                continue
            operation["x-role"] = role.value
            operation["description"] = f"{operation.get('description', '')}\n\nNeeds a key of role {role}.".strip()
            operation["responses"].setdefault("401", {"description": "no key, or one that is not known"})
            operation["responses"].setdefault("403", {"description": f"the key's role is less than {role}"})
    return schema

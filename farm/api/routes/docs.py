"""One page with every address, its role and what it does. It needs no script and no network."""

import re
from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td {{ border-top: 1px solid #8884; padding: .4rem; vertical-align: top }}
code {{ font-size: .9em; overflow-wrap: break-word }} :root {{ color-scheme: light dark }} h2 {{ margin-top: 2rem }}
</style>
<h1>{title}</h1>
<p>{about} Send your key with every request: <code>Authorization: Bearer KEY</code>. Errors are
<code>application/problem+json</code> and name every wrong field. Bodies and answers, exactly:
<a href="openapi.json">openapi.json</a>, which any OpenAPI program reads.</p>
{groups}
</html>"""
_CODE = re.compile(r"`([^`]+)`")
_ROW = "<tr><td><code>{method}&nbsp;{path}</code>{query}</td><td>{role}</td><td>{what}</td></tr>"


@router.get("/docs")
def page(request: Request) -> HTMLResponse:
    """The page, drawn from the OpenAPI document."""
    schema = request.app.openapi()
    groups: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            query = ", ".join(each["name"] for each in operation.get("parameters", ()) if each["in"] == "query")
            row = _ROW.format(
                method=method.upper(),
                path=escape(path).replace("/", "<wbr>/"),
                query=f"<br>? <code>{escape(query)}</code>" if query else "",
                role=operation.get("x-role", "anybody"),
                what=_CODE.sub(r"<code>\1</code>", escape(operation.get("description", "").partition("\n\n")[0])),
            )
            groups.setdefault(operation["tags"][0], []).append(row)
    tables = "\n".join(f"<h2>{escape(tag)}</h2><table>{''.join(rows)}</table>" for tag, rows in groups.items())
    title, about = escape(schema["info"]["title"]), escape(schema["info"]["description"])
    filled = _PAGE.format(title=title, about=about, groups=tables)
    return HTMLResponse(filled, headers=_HEADERS)

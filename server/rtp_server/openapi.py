"""What the OpenAPI document says beyond what Litestar reads from the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIType,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec import (
    Operation as OpenAPIOperation,
)

from rtp import __version__
from rtp.operations import Operation


def operation_class(declared: Operation[Any, Any]) -> type[OpenAPIOperation]:
    """The kind of OpenAPI operation for ours: an NDJSON body is documented by hand, as Litestar does not parse it."""
    if declared.media != "ndjson":
        return OpenAPIOperation

    @dataclass
    class NdjsonOperation(OpenAPIOperation):
        def __post_init__(self) -> None:
            line = f"One JSON object a line, at most 5,000 lines or 5 MB ({getattr(declared.body, '__name__', 'row')})."
            self.request_body = RequestBody(
                content={"application/x-ndjson": OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))},
                description=line,
                required=True,
            )

    return NdjsonOperation


def config() -> OpenAPIConfig:
    """OpenAPI 3.1 at /openapi.json and pages to try it at /docs."""
    return OpenAPIConfig(
        title="rtp",
        version=__version__,
        description="Run a membership business: the API behind the `rtp` command.",
        path="/docs",
        render_plugins=[SwaggerRenderPlugin()],
        security=[{"token": []}],
        components=Components(
            security_schemes={"token": SecurityScheme(type="http", scheme="bearer", description="rtp_… API token")}
        ),
        use_handler_docstrings=True,
    )

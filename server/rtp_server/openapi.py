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
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import Struct

from rtp import __version__
from rtp.operations import Operation


class ClosedObjects(OpenAPISchemaPlugin):
    """Says of a struct that refuses fields it does not know that it has no others; the rest is Litestar's own word."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Whether the type is such a struct."""
        if field_definition.is_union or not field_definition.is_subclass_of(Struct):
            return False
        kind = field_definition.origin or field_definition.annotation
        return bool(kind.__struct_config__.forbid_unknown_fields)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        """The schema of whichever plugin knows structs, closed."""
        plugins = [one for one in schema_creator.plugins if isinstance(one, OpenAPISchemaPlugin) and one is not self]
        structs = next(one for one in plugins if one.is_plugin_supported_field(field_definition))
        schema: Schema = structs.to_openapi_schema(field_definition, schema_creator)
        schema.additional_properties = False
        return schema


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

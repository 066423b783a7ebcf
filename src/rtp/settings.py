"""All settings in one struct: flag > environment (`RTP_…`) > `rtp.toml` of the project > user file > default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from rtp.errors import InvalidInput

EnvironmentClass = Literal["dev", "staging", "prod"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one instance and of the command line; each is documented in docs/reference/settings.md."""

    home: str = ""
    """Folder of the instance; empty means the platform's user data folder."""
    environment: EnvironmentClass = "dev"
    """Environment class of this instance (RTP_ENVIRONMENT); the server reports it, contexts cannot change it."""
    url: str = ""
    """URL of a server to talk to instead of a context's."""
    token: str = ""
    """API token for RTP_URL."""
    token_file: str = ""
    """File that holds the API token; RTP_TOKEN goes first."""
    context: str = ""
    """Name of the context to use."""
    database_url: str = ""
    """PostgreSQL of the application role; given, it is used and no server is started."""
    database_owner_url: str = ""
    """PostgreSQL of the owning role: migrations, partitions, retention."""
    redis_url: str = ""
    """Redis or Valkey; given, it is used and no server is started."""
    pg_bin: str = ""
    """Folder with PostgreSQL binaries to use instead of the wheel's."""
    provider: str = "sandbox"
    """Name of the payment provider: the sandbox, or one that a trusted plugin adds."""
    provider_url: str = ""
    """URL of the payment provider; empty means its own, and for the sandbox the built-in one, which `rtp up` starts."""
    provider_token: str = ""
    """Token or key for the payment provider; empty means the instance's own, which the built-in sandbox takes."""
    provider_webhook_secret: str = ""
    """Secret (whsec_…) that the provider signs its webhooks with; empty means the built-in sandbox's own."""
    provider_webhook_secret_old: str = ""
    """The secret before it, taken beside it while the provider changes over."""
    provider_timeout: Annotated[float, msgspec.Meta(gt=0, le=20)] = 3.0
    """Seconds that one call to the payment provider may take; money of a call that took longer is settled by asking."""
    port: int = 0
    """Loopback TCP port of the API; 0 keeps the one this instance had, or picks a free one."""
    api_processes: int = 1
    """Number of API processes."""
    worker_concurrency: int = 10
    """Jobs that one worker runs at the same time, and as many besides that ask the payment provider."""
    keep_received_days: Annotated[int, msgspec.Meta(ge=31, le=3650)] = 90
    """Days that a webhook of a provider is kept after it had its effect; a provider may send it again for 30."""
    keep_deliveries_days: Annotated[int, msgspec.Meta(ge=7, le=3650)] = 30
    """Days that a delivery to an endpoint of others is kept; it is tried for four."""
    keep_requests_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    """Days of requests that service levels are judged by; what is older goes by the quarter, once all of it is."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is written to the logs."""
    failpoint: str = ""
    """Name of a place where the process ends as if killed (`name:N:stop`: sleeps), for crash tests; refused on prod."""

    def home_folder(self) -> Path:
        """The instance folder, absolute."""
        if self.home:
            return Path(self.home).expanduser().absolute()
        import platformdirs  # only asked for when no home is set

        return Path(platformdirs.user_data_dir("rtp"))


def load(environ: Mapping[str, str] | None = None, *, cwd: Path | None = None, **flags: Any) -> Settings:
    """Read the settings.

    Raises: InvalidInput, naming the variable or file key.
    """
    env = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for file in (user_file(env), (cwd or Path.cwd()) / "rtp.toml"):
        values |= _from_file(file)
    known = {field.name for field in msgspec.structs.fields(Settings)}
    values |= {name: env["RTP_" + name.upper()] for name in known if env.get("RTP_" + name.upper())}
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(what=f"settings: {error}") from error


def config_folder(env: Mapping[str, str]) -> Path:
    """The folder of the user's own files: contexts, journal, trusted plugins."""
    if folder := env.get("RTP_CONFIG_HOME"):
        return Path(folder)
    return Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/")) / ".config") / "rtp"


def user_file(env: Mapping[str, str]) -> Path:
    """The user's own settings file."""
    return config_folder(env) / "rtp.toml"


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    try:
        values = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(what=f"{path}: {error}") from error
    known = {field.name for field in msgspec.structs.fields(Settings)}
    if unknown := sorted(set(values) - known):
        raise InvalidInput(what=f"{path}: unknown setting {unknown[0]!r}")
    return values

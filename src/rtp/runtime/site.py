"""What the services of one start share: paths, settings, programs, sockets, and the children's environment."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from rtp.runtime import errors, pg_binaries
from rtp.runtime import instance as instances
from rtp.runtime import valkey as valkeys
from rtp.runtime.instance import SHARED_METRICS, Instance, InstanceFile
from rtp.runtime.postgres import Postgres
from rtp.runtime.valkey import Valkey
from rtp.settings import Settings

ACCOUNT_DATA = Path("/var/lib")
BACKLOG = 2048
NOT_FOR_CHILDREN = {"RTP_TOKEN", "RTP_TOKEN_FILE", "RTP_URL", "RTP_CONTEXT"}


@dataclass
class Site:
    """One start of one instance."""

    instance: Instance
    settings: Settings
    file: InstanceFile
    sockets: Path
    durable: bool = True
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    provider_port: int = 0
    listeners: list[socket.socket] = field(default_factory=list)
    schema: str = ""

    @property
    def url(self) -> str:
        """The API's URL on the loopback."""
        return f"http://127.0.0.1:{self.file.port}"

    @property
    def api_socket(self) -> Path:
        """The API's unix socket."""
        return self.sockets / "api.sock"

    @property
    def provider_url(self) -> str:
        """The payment provider: the given one, else the sandbox on the loopback."""
        return self.settings.provider_url or f"http://127.0.0.1:{self.provider_port}"

    @property
    def has_sandbox(self) -> bool:
        """Whether the sandbox is the provider, so that its URL is known here."""
        return self.settings.provider == "sandbox"

    def environment(self) -> dict[str, str]:
        """The children's environment: settings and URLs, never a token of whoever called `rtp up`."""
        secrets = self.instance.secrets()
        values = exported(self.settings) | {
            "RTP_HOME": str(self.instance.home),
            "RTP_ENVIRONMENT": self.file.environment,
            "RTP_PORT": str(self.file.port),
            "RTP_SECRETS_FILE": str(self.instance.secrets_file),
            **({"RTP_PROVIDER_URL": self.provider_url} if self.has_sandbox else {}),
        }
        values.pop(SHARED_METRICS, None)
        if self.settings.api_processes > 1:
            values[SHARED_METRICS] = str(self.instance.metrics)
        if self.postgres is not None:
            values["RTP_DATABASE_URL"] = self.postgres.app_url(secrets)
            values["RTP_DATABASE_OWNER_URL"] = self.postgres.owner_url(secrets)
        if self.valkey is not None:
            values["RTP_REDIS_URL"] = self.valkey.url
        return {name: value for name, value in values.items() if name not in NOT_FOR_CHILDREN}


def exported(settings: Settings) -> dict[str, str]:
    """Our environment with exactly these settings in it, and none of libpq's variables, which would go before ours."""
    values = {f"RTP_{name.upper()}": str(getattr(settings, name)) for name in settings.__struct_fields__}
    values["RTP_HOME"] = str(settings.home_folder())  # the children stand in another folder than whoever wrote it
    if settings.pg_bin:
        values["RTP_PG_BIN"] = str(Path(settings.pg_bin).expanduser().absolute())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG") and name not in values}
    return kept | {name: value for name, value in values.items() if value not in ("", "0")}


def python(module: str, *rest: str) -> list[str]:
    """The command line of one of our modules; -P keeps the working folder off the import path."""
    return [sys.executable, "-P", "-m", module, *rest]


def open_site(instance: Instance, settings: Settings, *, durable: bool = True) -> Site:
    """Prepare folders and find the programs; nothing is started.

    Raises: HomeNotWritable, FolderNotPrivate, ProviderMissing, DiskFull, BinaryMissing, OtherMajorVersion,
        RootCannotRunPostgres.
    """
    file = instance.prepare(environment=settings.environment)
    if settings.environment not in (file.environment, "dev"):
        file.environment = settings.environment  # a class is only ever raised by a setting, never lowered to dev
    if file.environment == "prod" and settings.provider == "sandbox" and not settings.provider_url:
        raise errors.ProviderMissing()
    site = Site(instance, settings, file, instances.private_folder(instance.socket_folder))
    site.durable = durable
    if not settings.database_url:
        site.postgres = _postgres(site)
    if not settings.redis_url:
        log = instance.logs / "valkey.log"
        site.valkey = Valkey(valkeys.program(), site.sockets, instance.run / "valkey.pid", log)
    instance.write(file)
    return site


def _postgres(site: Site) -> Postgres:
    file, log = site.file, site.instance.logs / "postgres.log"
    found = pg_binaries.programs(site.settings.pg_bin)
    account, sockets = found.launcher.account, site.sockets
    data = Path(file.pg_data) if file.pg_data else site.instance.data / "postgres"
    if account and not (data / "PG_VERSION").exists():
        data = _account_folder(site, found.launcher.uid, found.launcher.gid) / "postgres"
        file.pg_data, file.pg_account = str(data), account
    if account:
        found = pg_binaries.reachable(found, data.parent)
        sockets = instances.account_sockets(site.instance.home, found.launcher.uid)
        _owned(sockets, found.launcher.uid, found.launcher.gid)
    server = Postgres(found, data, sockets, log)
    if server.created:
        pg_binaries.require_major(data, server.major, found)
    file.pg_major, file.pg_bin = found.major(), str(found.bin)
    return server


def _account_folder(site: Site, uid: int, gid: int) -> Path:
    """A folder that another account can reach: the instance folder may lie in a home, which is never opened for it."""
    folder = ACCOUNT_DATA / f"rtp-{instances.digest(site.instance.home)}"
    _owned(folder, uid, gid)
    return folder


def _owned(folder: Path, uid: int, gid: int) -> None:
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, gid)
    except FileExistsError:
        instances.private_folder(folder, uid=uid)
    except OSError as error:
        raise errors.unwritable(folder.parent, error) from error


def bind(site: Site) -> None:
    """Bind the API's unix and TCP sockets and keep the port for the next start.

    Raises: PortTaken.
    """
    site.api_socket.unlink(missing_ok=True)
    local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    local.bind(str(site.api_socket))
    tcp = _bind_tcp(site.settings.port, site.file.port)
    for listener in (local, tcp):
        listener.listen(BACKLOG)
    site.listeners = [local, tcp]
    if site.file.port != (port := tcp.getsockname()[1]):
        site.file.port = port
        site.instance.write(site.file)
    site.provider_port = free_port()


def share_metrics(site: Site) -> None:
    """Begin the counts of all API processes at nothing; a single one keeps them in its memory."""
    shutil.rmtree(site.instance.metrics, ignore_errors=True)
    if site.settings.api_processes > 1:
        site.instance.metrics.mkdir(mode=0o700)


def _bind_tcp(wanted: int, before: int) -> socket.socket:
    for port in dict.fromkeys((wanted,) if wanted else (before, 0)):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            continue
        return listener
    raise errors.PortTaken(noun="port", key=wanted, port=wanted)


def free_port() -> int:
    """A TCP port of the loopback that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def forget(site_file: InstanceFile, home: Path) -> None:
    """Remove what an instance keeps outside its folder: root's data under another account."""
    if site_file.pg_data:
        folder = Path(site_file.pg_data).parent
        if folder == ACCOUNT_DATA / f"rtp-{instances.digest(home)}":
            shutil.rmtree(folder, ignore_errors=True)

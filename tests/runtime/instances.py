"""Real instances for tests, driven through the real command line, as whoever can run here."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import pwd
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtp.runtime import adopt
from rtp.runtime.instance import Instance
from rtp.settings import Settings

ENTRY = "import sys; from rtp_commands.main import main; sys.exit(main())"
SECONDS = 90.0
NR_UNSHARE = {"x86_64": 272, "aarch64": 97}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
EPERM = 1


@dataclass(frozen=True)
class Way:
    """Somebody who runs the platform: words before the command line, and what the kernel refuses them."""

    name: str
    prefix: tuple[str, ...] = ()
    python: str = sys.executable
    uid: int = field(default_factory=os.geteuid)
    forbid_namespaces: bool = False


@dataclass
class Platform:
    """One instance in a folder of its own."""

    home: Path
    way: Way = field(default_factory=lambda: Way("as we are"))
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """What the command line is started with."""
        ours = {"RTP_HOME": str(self.home), "RTP_CONFIG_HOME": str(self.home) + ".config"}
        path = os.pathsep.join(path for path in sys.path if path and "python3" not in Path(path).name)
        left_out = (
            ("RTP_", "XDG_", "COVERAGE_") if self.way.prefix else ("RTP_", "XDG_")
        )  # others cannot write our data
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        return kept | {"PYTHONPATH": path} | ours | self.env

    def popen(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start `rtp WORDS`."""
        return subprocess.Popen(
            [*self.way.prefix, self.way.python, "-P", "-c", ENTRY, *words],
            env=self.environment(),
            cwd="/",
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=forbid_namespaces if self.way.forbid_namespaces else None,  # noqa: PLW1509 - no threads here
            **options,
        )

    def rtp(self, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `rtp WORDS` and compare its exit code."""
        with self.popen(*words) as process:
            out, err = process.communicate(timeout=SECONDS * 2)
        done = subprocess.CompletedProcess(words, process.returncode, out, err)
        if expect is not None:
            assert done.returncode == expect, f"rtp {' '.join(words)} gave {done.returncode}\n{out}\n{err}"
        return done

    def json(self, *words: str, expect: int | None = 0) -> Any:
        """What `rtp WORDS -o json` prints."""
        return json.loads(self.rtp(*words, "-o", "json", expect=expect).stdout)

    def failure(self, *words: str, expect: int) -> dict[str, Any]:
        """The error that `rtp WORDS -o json` prints on stderr."""
        error: dict[str, Any] = json.loads(self.rtp(*words, "-o", "json", expect=expect).stderr)["error"]
        return error

    def status(self) -> dict[str, Any]:
        """`rtp status`, whatever its exit code."""
        status: dict[str, Any] = self.json("status", expect=None)
        return status

    def pid(self, service: str) -> int:
        """The pid of a service that runs."""
        return int(next(row["pid"] for row in self.status()["services"] if row["name"] == service))

    def healthy(self) -> bool:
        """Whether all is well."""
        return bool(self.status()["state"] == "healthy")

    def processes(self) -> list[int]:
        """Every live process of this instance: by a word of its command line, or its working folder."""
        home = str(self.home)
        words = (home, hashlib.sha256(os.fsencode(home)).hexdigest()[:12])
        found = []
        for pid in adopt.pids():
            line = " ".join(adopt.command(pid))
            here = any(word in line for word in words) or home in working_folder(pid)
            if here and pid != os.getpid() and adopt.alive(pid):
                found.append(pid)
        return found

    def remove(self) -> None:
        """Stop what still runs and remove the folders."""
        self.rtp("down", expect=None)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for path in (self.home, Path(str(self.home) + ".config")):
            shutil.rmtree(path, ignore_errors=True)


def database_url(platform: Platform, role: str) -> str:
    """The URL of a role on a running platform's own database."""
    secrets = Instance(Settings(home=str(platform.home))).secrets()
    password = secrets.owner_password if role == "rtp_owner" else secrets.app_password
    return f"postgresql://{role}:{password}@/rtp?host={Path(platform.status()['socket']).parent}"


def working_folder(pid: int) -> str:
    """The working folder of a process, empty where it cannot be read."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def forbid_namespaces() -> None:
    """Refuse unshare to this process and its children by seccomp, as a default container does."""
    number = NR_UNSHARE[os.uname().machine]
    load_number, equal, allow, refuse = 0x20, 0x15, 0x7FFF0000, 0x00050000 | EPERM
    lines = [(load_number, 0, 0, 0), (equal, 0, 1, number), (0x06, 0, 0, refuse), (0x06, 0, 0, allow)]
    code = b"".join(struct.pack("HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def ways() -> list[Way]:
    """Who can run the platform here: ourselves, and where we are root an ordinary user and two crippled roots."""
    if os.geteuid() != 0:
        return [Way("an ordinary user")]
    nobody = pwd.getpwnam("nobody")
    drop = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    return [
        Way("root"),
        Way("root without capabilities", ("setpriv", "--bounding-set=-all")),
        Way("root without namespaces", forbid_namespaces=True),
        Way("an ordinary user", (*open_interpreter(), *drop), uid=nobody.pw_uid),
    ]


def open_interpreter() -> tuple[str, ...]:
    """Words that let somebody else reach our interpreter, should it lie in a private home.

    In a mount namespace of its own the home is covered by an empty folder that holds nothing but the interpreter; the
    home itself is not touched.
    """
    base = Path(os.path.realpath(sys.executable))
    closed = [folder for folder in base.parents if not folder.stat().st_mode & 0o001]
    if not closed:
        return ()
    top = closed[-1]
    inner = top / base.relative_to(top).parts[0]
    cover = 'mount --bind "$2" /mnt && mount -t tmpfs -o mode=755 none "$1" && mkdir "$2" && mount --bind /mnt "$2"'
    script = cover + ' && shift 2 && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, "sh", str(top), str(inner))

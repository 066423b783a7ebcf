"""Running a load test: may this person, against what, with which token; and its record on the server."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from msgspec import structs

from rtp.client import LOOPBACK
from rtp.errors import ExitCode, NotAllowed, RtpError
from rtp.loadtests import judging, profiles, running, schemas, store
from rtp.loadtests.errors import LoadGeneratorFailed, LoadRefusedOnProd, ProfileNotValid, TargetNotLoopback
from rtp.loadtests.profiles import Profile
from rtp.loadtests.schemas import LoadPlan, LoadRun, StartLoad
from rtp.meta.schemas import WHOAMI
from rtp.permissions import at_least
from rtp.runtime import launch
from rtp.runtime.instance import Instance
from rtp_commands.call import Call, Result
from rtp_commands.errors import InstanceMissing
from rtp_commands.writing import ask_first

TRIES = 3


def run_here(call: Call, name: str, *, users: int | None, duration: str | None, allow_remote: bool) -> Result:
    """Run a load test from this machine, judge it, and have the server remember it.

    Raises: LoadTestNotFound, ProfileNotValid, TargetNotLoopback, LoadRefusedOnProd, NotAllowed, LoadGeneratorFailed.
    """
    profile = adjusted(profiles.find(name, call.settings.home_folder()), users, duration)
    url = target(call, allow_remote=allow_remote)
    environment = allowed(call)
    if call.flags.dry_run:
        plan = planned(profile, url, environment)
        return Result(plan, said="Nothing was run.")
    ask_first(call)
    run = _run(call, profile, url)
    return Result(run, ExitCode(run.exit_code), _told(run))


def adjusted(profile: Profile, users: int | None, duration: str | None) -> Profile:
    """The profile with what was given on the command line."""
    seconds = profile.seconds if duration is None else profiles.seconds_of(duration, "--duration")
    changed = structs.replace(profile, users=users or profile.users, seconds=seconds)
    if profiles.ramp_seconds(changed.users, changed.spawn_rate) > changed.seconds:
        what = f"{changed.users} users at {changed.spawn_rate:g} a second are not there within {changed.seconds} s"
        raise ProfileNotValid(path=profile.path, what=what)
    return changed


def target(call: Call, *, allow_remote: bool) -> str:
    """The URL that load is sent to; the instance's own TCP port where we talk to its socket.

    Raises: TargetNotLoopback, InstanceMissing.
    """
    url = call.target.url or launch.status(Instance(call.settings)).url
    if not url:
        raise InstanceMissing()
    if urlsplit(url).hostname not in LOOPBACK and not allow_remote:
        raise TargetNotLoopback(url=profiles.shown_target(url))
    return url


def allowed(call: Call) -> str:
    """The environment's class, when this person may send load there.

    Raises: LoadRefusedOnProd, NotAllowed.
    """
    found = call.read(WHOAMI)
    if found.environment == "prod":
        raise LoadRefusedOnProd(where=call.target.where, role=found.principal.role, permission="loadtests.start")
    if not at_least(found.principal.role, "operator"):
        raise NotAllowed(role=found.principal.role, permission="loadtests.start")
    return found.environment


def planned(profile: Profile, url: str, environment: str) -> LoadPlan:
    """What would be run."""
    return LoadPlan(
        name=profile.name,
        locustfile=str(profile.locustfile),
        target=profiles.shown_target(url),
        environment=environment,
        role=profile.role,
        users=profile.users,
        spawn_rate=profile.spawn_rate,
        seconds=profile.seconds,
        thresholds=[f"{one.name}: {one.text}" for one in profile.thresholds],
    )


def _run(call: Call, profile: Profile, url: str) -> LoadRun:
    asked = StartLoad(
        name=profile.name,
        role=profile.role,
        users=profile.users,
        seconds=profile.seconds,
        target=profiles.shown_target(url),
    )
    started = call.client.write(schemas.START, asked, reason=call.flags.reason).value
    assert started is not None
    run = LoadRun(name=profile.name, id=started.id, verdict="crashed", exit_code=1)
    try:
        call.say(f"Run {started.id}: {profile.users} users for {profile.seconds} s against {asked.target}")
        run = _measured(call, profile, url, started.id, started.token)
    finally:
        _finish(call, run)
    return run


def _measured(call: Call, profile: Profile, url: str, run_id: str, token: str) -> LoadRun:
    folder = store.begin(Instance(call.settings), run_id)
    begun = datetime.now(UTC)
    ended = running.run(
        profile.locustfile,
        folder,
        url=url,
        token=token,
        users=profile.users,
        spawn_rate=profile.spawn_rate,
        seconds=profile.seconds,
        say=call.say,
    )
    if running.figures(folder) is None and ended.by is None:
        lines = [line for line in running.said(folder).splitlines() if line.strip()]
        why = lines[-1][:300] if lines else "it said nothing"
        raise LoadGeneratorFailed(code=ended.code, why=why, log=folder / "locust.log")
    run = judging.judge(profile, folder, ended, run_id=run_id, begun=begun, now=datetime.now(UTC), target=url)
    store.keep(folder, run)
    return run


def _finish(call: Call, run: LoadRun) -> None:
    """Have the run remembered and its token ended; what was measured is kept here in any case."""
    why: RtpError | None = None
    for _ in range(TRIES):
        try:
            call.client.write(schemas.FINISH, run, key=f"finish-{run.id}", reason=call.flags.reason)
        except RtpError as error:
            why = error
        else:
            return
    assert why is not None
    call.say(f"The server did not take the record ({why.message}); the run's token ends by itself within the hour.")


def _told(run: LoadRun) -> str:
    wrong = [one for one in run.thresholds if one.outcome != "held"]
    names = "; ".join(f"{one.name}: {one.threshold} (measured {one.measured})" for one in wrong)
    return f"{run.verdict}: {run.requests} requests, {run.failures} failed{'; not held: ' if names else ''}{names}"

"""Running and halting experiments: may this person break this instance, the run itself, and its record in the audit."""

from __future__ import annotations

import os
import sys
from typing import Any

from rtp import reports
from rtp.chaos import controller, planning, reporting, schemas, store
from rtp.chaos.errors import ChaosElsewhere, ChaosForbidden, ChaosNotAllowed, NoExperimentRunning
from rtp.chaos.schemas import EXIT_CODES, ChaosRun, RecordRun
from rtp.errors import ExitCode, RtpError
from rtp.meta.schemas import WHOAMI
from rtp.permissions import at_least
from rtp.runtime import launch, lock
from rtp.runtime.instance import Instance
from rtp_commands.call import Call, Result
from rtp_commands.writing import ask_first

RECORD_TRIES = 40
RECORD_PAUSE = 0.25


def run_here(call: Call, name: str, report: str | None, variables: dict[str, Any]) -> Result:
    """Run an experiment, tell its verdict, and record it.

    Raises: ExperimentNotFound, ExperimentInvalid, ExperimentRunning, ChaosForbidden, ChaosElsewhere, ChaosNotAllowed.
    """
    if report:
        reports.parse(report)
    file = planning.find(call.settings, name)
    environment = allowed(call)
    plan = planning.plan(file, variables, environment)
    if call.flags.dry_run:
        return Result(plan, said=f"Nothing was touched. It would take at most {plan.seconds:g} s.")
    ask_first(call)
    record, journal = controller.run(call.settings, file.name, file.path, variables, _progress(call))
    return _told(call, record, journal, report)


def halt_here(call: Call) -> Result:
    """End the running experiment.

    Raises: NoExperimentRunning, ChaosForbidden, ChaosElsewhere, ChaosNotAllowed.
    """
    allowed(call)
    instance = Instance(call.settings)
    if call.flags.dry_run:
        pid = lock.holder(controller.lock_file(instance))
        if pid is None:
            raise NoExperimentRunning(noun="experiment", key="")
        return Result(None, said=f"Nothing was touched. It would end the experiment of process {pid}.")
    ask_first(call)
    run = controller.halt(call.settings, call.say)
    record(call, store.record(store.folder_of(instance, run.id)))
    code = ExitCode.ROLLBACK_FAILED if run.rollbacks == "failed" else ExitCode.OK
    return Result(run, code, f"It has ended, its rollbacks are {run.rollbacks}.")


def allowed(call: Call) -> str:
    """The environment's class, when this person may run experiments on this machine's instance.

    Raises: ChaosElsewhere, ChaosForbidden, ChaosNotAllowed; Unreachable.
    """
    status = launch.status(Instance(call.settings))
    if call.target.where not in (status.socket, status.url):
        raise ChaosElsewhere(where=call.target.where)
    found = call.read(WHOAMI)
    if "prod" in (found.environment, status.environment):
        raise ChaosForbidden(role=found.principal.role, permission="chaos.record", environment="prod")
    if not at_least(found.principal.role, "operator"):
        raise ChaosNotAllowed(role=found.principal.role, permission="chaos.record")
    return found.environment


def report_of(call: Call, run: ChaosRun) -> reports.Report:
    """The report of a run of this machine.

    Raises: RunNotFound.
    """
    return reporting.report(run, store.journal(store.folder_of(Instance(call.settings), run.id)))


def record(call: Call, found: RecordRun) -> bool:
    """Put a run into the audit, once, also when the server is just coming back; whether it worked.

    The verdict stands without it, so a server that cannot take it is told of and ends nothing.
    """
    why: RtpError | None = None
    for _ in range(RECORD_TRIES):
        try:
            call.client.write(schemas.RECORD, found, key=found.id, reason=call.flags.reason)
        except RtpError as error:
            why = error
            if not (error.problem().retryable or error.problem().status >= 500):
                break
            controller.pause(RECORD_PAUSE)  # the key makes repeating it safe
        else:
            return True
    call.say(f"The run could not be recorded in the audit: {why}")
    return False


def _told(call: Call, found: RecordRun, journal: Any, report: str | None) -> Result:
    record(call, found)
    run = store.as_run(found)
    said = [f"{run.name} {run.verdict}; rollbacks {run.rollbacks}. Look again: rtp chaos show {run.id}"]
    if report:
        said.append(f"The report is in {reports.write(report, reporting.report(run, journal))}.")
    code = EXIT_CODES[found.verdict]
    if found.verdict == "interrupted" and "SIGTERM" in " ".join(run.reasons):
        code = ExitCode.TERMINATED
    return Result(run, ExitCode(code), " ".join(said))


def _progress(call: Call) -> controller.Say:
    def say(line: str) -> None:
        if call.flags.verbose or (sys.stderr.isatty() and "TERM" in os.environ):
            call.say(line)

    return say

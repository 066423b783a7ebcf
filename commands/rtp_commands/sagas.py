"""`rtp sagas`: work in several steps, and what it waits for."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.sagas import schemas
from rtp.sagas.schemas import Saga, SagaDetail, SagaState
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Severity, listing, read, write

app = typer.Typer()

SagaId = Annotated[
    str, typer.Argument(metavar="SAGA", parser=id_or_key("saga", "saga"), help="Id of the saga (saga_…).")
]


@app.command("list")
@listing(schemas.LIST, columns=("id", "name", "subject", "state", "step", "created_at"))
def list_(
    call: Call,
    state: Annotated[SagaState | None, typer.Option("--state", metavar="STATE", help="Only this state.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="ID", help="Only those about this.")] = None,
) -> Listing[Saga]:
    """List sagas, newest first; `--state stuck` are those that need somebody.

    Examples:
        rtp sagas list --state stuck
        rtp sagas list --limit 10
    """
    return call.list(schemas.LIST, state=state, subject=subject)


@app.command()
@read(schemas.SHOW)
def show(call: Call, saga: SagaId) -> SagaDetail:
    """Show one saga: its steps, what failed, and when it is looked at again.

    Examples:
        rtp sagas show saga_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp sagas show saga_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return call.read(schemas.SHOW, saga=saga)


@app.command()
@write(schemas.RETRY, side_effects="the step at hand runs again, under the same key")
def retry(call: Call, saga: SagaId) -> Saga:
    """Try the step at hand again, now, instead of at its next time.

    Examples:
        rtp sagas retry saga_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp sagas retry saga_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "the bank is back"
    """
    return call.write(schemas.RETRY, saga=saga)


@app.command()
@write(schemas.CANCEL, severity=Severity.MODERATE, side_effects="what was done is undone in reverse")
def cancel(call: Call, saga: SagaId) -> Saga:
    """Turn a saga back; refused once it has begun what cannot be undone.

    Examples:
        rtp sagas cancel saga_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "wrong file"
        rtp sagas cancel saga_01J9ZK3V5W8X2Y4A6B7C8D9E0F --dry-run
    """
    return call.write(schemas.CANCEL, saga=saga)

"""`rtp disputes`: what cardholders object to, until when it can be answered, and the answer."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from rtp.disputes import schemas
from rtp.disputes.schemas import EVIDENCE_LIMIT, Dispute, DisputeDetail, DisputeLine, DisputeState, SubmitEvidence
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Result, Severity, Waiting, listing, read, write
from rtp_commands.errors import Usage

app = typer.Typer()
COLUMNS = ("id", "payment_id", "amount", "reason", "state", "left", "answer_state")

SENT = Waiting(
    operation=schemas.SHOW,
    param="dispute",
    done=frozenset({"sent"}),
    failed=frozenset({"refused"}),
    field="answer_state",
    why="answer_error",
)
DisputeId = Annotated[
    str, typer.Argument(metavar="DISPUTE", parser=id_or_key("dsp", "dispute"), help="Id of the dispute (dsp_…).")
]


@app.command("list")
@listing(schemas.LIST, columns=COLUMNS)
def list_(
    call: Call,
    state: Annotated[DisputeState | None, typer.Option("--state", metavar="STATE", help="Only this state.")] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Only of this member.")] = None,
    payment: Annotated[str | None, typer.Option("--payment", metavar="ID", help="Only about this payment.")] = None,
) -> Listing[DisputeLine]:
    """List disputes with the time that is left; `--sort due_by` has the most urgent first.

    Examples:
        rtp disputes list --state needs_response --sort due_by
        rtp disputes list --user ada@example.com
    """
    return call.list(schemas.LIST, state=state, user=user, payment=payment)


@app.command()
@read(schemas.SHOW)
def show(call: Call, dispute: DisputeId) -> DisputeDetail | None:
    """Show one dispute: its payment, the deadline, what was handed in, and how it ended.

    Examples:
        rtp disputes show dsp_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp disputes show dsp_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    found = call.read(schemas.SHOW, dispute=dispute)
    if call.output.format != "table" or call.flags.fields:
        return found
    from rtp_commands.chains import dispute as as_text

    call.output.lines(as_text(found, wide=call.output.wide, terminal=call.output.terminal))
    return None


@app.command()
@write(
    schemas.SUBMIT,
    schemas.EVIDENCE,
    severity=Severity.MODERATE,
    waiting=SENT,
    side_effects="with --submit the card's bank gets the pack, once",
)
def evidence(
    call: Call,
    dispute: DisputeId,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Parts of our own: JSON of name and text, or one text."),
    ] = None,
    submit: Annotated[bool, typer.Option("--submit", help="Hand it in; without, it is only shown.")] = False,
) -> Result:
    """Put the evidence together (order, access log, terms, notes) and, with --submit, hand it in.

    Examples:
        rtp disputes evidence dsp_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp disputes evidence dsp_01J9ZK3V5W8X2Y4A6B7C8D9E0F --submit --reason "trained daily"
        rtp disputes evidence dsp_01J9ZK3V5W8X2Y4A6B7C8D9E0F --submit --dry-run
    """
    own = _parts(file) if file else {}
    if submit or call.flags.dry_run:
        return Result(call.write(schemas.SUBMIT, SubmitEvidence(parts=own), dispute=dispute))
    pack = call.read(schemas.EVIDENCE, dispute=dispute)
    pack.parts |= own
    pack.length = sum(map(len, pack.parts.values()))
    words = ["rtp", "disputes", "evidence", dispute, *(["--file", str(file)] if file else []), "--submit"]
    said = f"Nothing was handed in. To do so: {shlex.join(words)}"
    if call.output.format != "table" or call.flags.fields:
        return Result(pack, said=said)
    from rtp_commands.chains import evidence as as_text

    call.output.lines(as_text(pack, wide=call.output.wide))
    return Result(None, said=said)


@app.command()
@write(
    schemas.ACCEPT,
    severity=Severity.SEVERE,
    confirm="amount",
    waiting=SENT,
    side_effects="the money stays with the cardholder",
)
def accept(call: Call, dispute: DisputeId) -> Dispute:
    """Give the money up: the dispute is lost, and that is final.

    Examples:
        rtp disputes accept dsp_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "they are right"
        rtp disputes accept dsp_01J9ZK3V5W8X2Y4A6B7C8D9E0F --dry-run
    """
    return call.write(schemas.ACCEPT, dispute=dispute)


def _parts(file: Path) -> dict[str, str]:
    """The parts in a file: a JSON object of texts by name, or a text, which is then the statement."""
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(what=f"{file}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
    if file.suffix != ".json":
        given = {"statement": content.strip()}
    else:
        try:
            given = msgspec.json.decode(content, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise Usage(what=f"{file}: a JSON object of texts by name is wanted: {error}") from error
    if not all(given.values()) or sum(map(len, given.values())) > EVIDENCE_LIMIT:
        raise Usage(what=f"{file}: each part has a text, and all together at most {EVIDENCE_LIMIT} characters")
    return given

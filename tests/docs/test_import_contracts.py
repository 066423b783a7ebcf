"""The contracts of our own really refuse what they are there to refuse."""

from __future__ import annotations

import pytest
from grimp import ImportGraph

from tools.contracts import AreasContract, OnlyContract

FRONT = {"source": "rtp_commands", "within": ["rtp"], "allowed": ["=rtp", "rtp.kit", "rtp.*.schemas"]}
AREAS = {
    "root": "rtp",
    "doors": ["service", "schemas", "errors"],
    "not_areas": ["kit", "db"],
    "also": ["rtp.jobs.spec"],
}


def graph_of(importer: str, imported: str) -> ImportGraph:
    graph = ImportGraph()
    graph.add_import(importer=importer, imported=imported, line_number=1, line_contents="import …")
    return graph


@pytest.mark.parametrize(
    "imported,kept",
    [
        ("rtp", True),
        ("rtp.kit.money", True),
        ("rtp.users.schemas", True),
        ("rtp.users.service", False),
        ("rtp.kitten", False),
        ("rtp.users.deeper.schemas", False),
        ("typer", True),
    ],
)
def test_commands_may_import_the_front_of_the_library_and_nothing_behind_it(imported: str, kept: bool) -> None:
    contract = OnlyContract(name="front", session_options={}, contract_options=FRONT)
    assert contract.check(graph_of("rtp_commands.users", imported), verbose=False).kept is kept


@pytest.mark.parametrize(
    "importer,imported,kept",
    [
        ("rtp.refunds.service", "rtp.payments.service", True),
        ("rtp.refunds.service", "rtp.payments.repository", False),
        ("rtp.refunds.service", "rtp.refunds.repository", True),
        ("rtp.refunds.jobs", "rtp.kit.money", True),
        ("rtp.refunds.model", "rtp.db.base", True),
        ("rtp.refunds.policy", "rtp.payments.policy", False),
        ("rtp.refunds.jobs", "rtp.jobs.spec", True),
        ("rtp.refunds.jobs", "rtp.jobs.repository", False),
    ],
)
def test_an_area_enters_another_only_by_its_doors(importer: str, imported: str, kept: bool) -> None:
    contract = AreasContract(name="areas", session_options={}, contract_options=AREAS)
    assert contract.check(graph_of(importer, imported), verbose=False).kept is kept

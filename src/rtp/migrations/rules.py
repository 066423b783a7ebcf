"""Locks, rewrites and scans by rule, for where nothing can be measured; each was measured on PostgreSQL 15 and 18."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rtp.migrations.locks import Effect, strongest
from rtp.migrations.schemas import LockMode


@dataclass(frozen=True)
class Rule:
    """A pattern of statements and what they do to their table; `unless` takes statements out of it."""

    pattern: str
    mode: LockMode
    rewrites: bool = False
    scans: bool = False
    unless: str = ""


_VOLATILE = r"random|uuid|clock_timestamp|timeofday|nextval"
RULES = (
    Rule(r"^CREATE (UNIQUE )?INDEX(?! CONCURRENTLY)", "ShareLock", scans=True),
    Rule(r"^CREATE (UNIQUE )?INDEX CONCURRENTLY", "ShareUpdateExclusiveLock", scans=True),
    Rule(r"^(DROP INDEX|REINDEX .*) CONCURRENTLY", "ShareUpdateExclusiveLock"),
    Rule(r"^REINDEX (?!.*CONCURRENTLY)", "ShareLock", scans=True),
    Rule(r"^CREATE (OR REPLACE )?(CONSTRAINT )?TRIGGER|(ENABLE|DISABLE) TRIGGER", "ShareRowExclusiveLock"),
    Rule(r"ADD( CONSTRAINT \S+)? FOREIGN KEY", "ShareRowExclusiveLock", scans=True, unless="NOT VALID"),
    Rule(r"ADD( CONSTRAINT \S+)? FOREIGN KEY.*NOT VALID", "ShareRowExclusiveLock"),
    Rule(r"VALIDATE CONSTRAINT", "ShareUpdateExclusiveLock", scans=True),
    Rule(r"SET STATISTICS|SET \((fillfactor|autovacuum|n_distinct)", "ShareUpdateExclusiveLock"),
    Rule(r"ATTACH PARTITION", "ShareUpdateExclusiveLock"),
    Rule(r"^(VACUUM|ANALYZE)(?! FULL|\s*\(\s*FULL)", "ShareUpdateExclusiveLock"),
    Rule(
        r"^(VACUUM FULL|VACUUM\s*\(\s*FULL|CLUSTER)|SET (UN)?LOGGED", "AccessExclusiveLock", rewrites=True, scans=True
    ),
    Rule(r"^TRUNCATE", "AccessExclusiveLock", rewrites=True),
    Rule(r"^(UPDATE|DELETE|INSERT)\b", "RowExclusiveLock", scans=True, unless="^INSERT"),
    Rule(
        rf"ADD COLUMN .*(DEFAULT .*({_VOLATILE})|serial|GENERATED .*(STORED|IDENTITY))",
        "AccessExclusiveLock",
        True,
        True,
    ),
    Rule(r"ADD COLUMN .*CHECK", "AccessExclusiveLock", scans=True),
    Rule(r"ADD( CONSTRAINT \S+)? CHECK", "AccessExclusiveLock", scans=True, unless="NOT VALID"),
    Rule(
        r"ADD( CONSTRAINT \S+)? (UNIQUE|EXCLUDE|PRIMARY KEY)", "AccessExclusiveLock", scans=True, unless="USING INDEX"
    ),
    Rule(r"ALTER( COLUMN)? \S+ SET NOT NULL", "AccessExclusiveLock", scans=True),
    Rule(r"ALTER( COLUMN)? \S+ (SET DATA )?TYPE", "AccessExclusiveLock", True, True, unless=r"TYPE (text|varchar)\b"),
    Rule(r"^DROP (TABLE|INDEX(?! CONCURRENTLY))|^LOCK TABLE|^ALTER TABLE .*DETACH PARTITION", "AccessExclusiveLock"),
)
_WEAKER = re.compile(
    r"FOREIGN KEY|VALIDATE CONSTRAINT|SET STATISTICS|SET \(|ATTACH PARTITION|(EN|DIS)ABLE TRIGGER", re.IGNORECASE
)
_TABLE = re.compile(
    r"""^(?:ALTER\ TABLE|TRUNCATE(?:\ TABLE)?|LOCK\ TABLE|DROP\ TABLE|UPDATE|DELETE\ FROM|INSERT\ INTO
    |VACUUM(?:\ FULL|\ ?\([^)]*\))?|ANALYZE|CLUSTER|REINDEX\ TABLE(?:\ CONCURRENTLY)?)
    \ (?:IF\ EXISTS\ )?(?:ONLY\ )?(?P<table>[\w."]+)
    |^CREATE\ .*?\ ON\ (?:ONLY\ )?(?P<on>[\w."]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_HARMLESS = re.compile(
    r"(CREATE (OR REPLACE )?(TABLE|FUNCTION|SEQUENCE|TYPE|EXTENSION|VIEW|SCHEMA)|GRANT|REVOKE|SET|SELECT|COMMENT)\b",
    re.IGNORECASE,
)
_PARENT = re.compile(r'REFERENCES ([\w."]+)', re.IGNORECASE)


def effect(sql: str, tables: set[str]) -> Effect:
    """What the rules say a statement does to these tables; `by` is unknown where none speaks of it."""
    text = " ".join(sql.split())
    fitting = [rule for rule in RULES if _fits(rule, text)]
    modes = [rule.mode for rule in fitting]
    if re.match(r"ALTER TABLE", text, re.IGNORECASE) and not _WEAKER.search(text):
        modes.append("AccessExclusiveLock")
    named = _TABLE.match(text)
    table = _plain(named["table"] or named["on"]) if named else ""
    if not modes or table not in tables:
        known = _HARMLESS.match(text) or (table and modes)
        return Effect(_parents(text, tables, table), by="rule" if known else "unknown")
    return Effect(
        locks={table: strongest(modes)} | _parents(text, tables, table),
        rewrites=[table] if any(rule.rewrites for rule in fitting) else [],
        scans=[table] if any(rule.scans for rule in fitting) else [],
        by="rule",
    )


def _fits(rule: Rule, text: str) -> bool:
    if rule.unless and re.search(rule.unless, text, re.IGNORECASE):
        return False
    return re.search(rule.pattern, text, re.IGNORECASE) is not None


def _parents(text: str, tables: set[str], child: str) -> dict[str, LockMode]:
    found = {_plain(name) for name in _PARENT.findall(text)} - {child}
    return dict.fromkeys(sorted(found & tables), "ShareRowExclusiveLock")


def _plain(name: str) -> str:
    return name.replace('"', "").removeprefix("public.").rstrip("(;")

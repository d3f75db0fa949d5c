"""Retention, forgetting a person, and roles of PostgreSQL."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import ANALYTICS_DAYS, RECORDINGS_DAYS, CaseState
from genmon_otel.store import SqlStore, schema
from tests.servers import postgresql
from tests.store_records import (
    DAY,
    START,
    FakeClock,
    Producer,
    failing,
    recording_of,
    sample_of,
    success,
)


def everything(store: SqlStore) -> str:
    """Return all text of all tables."""
    with store._database.read() as connection:
        return "\n".join(
            repr(row)
            for table in schema.metadata.sorted_tables
            for row in connection.execute(sa.select(table))
        )


def test_what_outlived_its_days_goes(producer: Producer, store: SqlStore, clock: FakeClock) -> None:
    """Rows are deleted after 90 days, recordings after 30, in steps of the given size; failures stay."""
    record = failing("a", user_id="old")
    producer.write(record, recordings=(recording_of(record),))
    producer.write(*(success(START + n) for n in range(24)))
    clock.at = START + RECORDINGS_DAYS * DAY + 60
    assert store.prune() == 1
    assert store.failure("v2:fingerprint-a").recordings == ()
    assert len(store.generations()) == 25
    Producer(store).write(failing("a", clock.at, user_id="new"))
    clock.at = START + (ANALYTICS_DAYS + 1) * DAY + 60
    steps: list[int] = []
    gone = store.prune(steps.append, limit=10)
    assert all(late - early <= 10 for early, late in zip([0, *steps], steps, strict=False))
    assert gone == steps[-1] >= 25
    assert store.prune_step(10) == 0
    assert [row.user_id for row in store.generations()] == ["new"]
    detail = store.failure("v2:fingerprint-a")
    assert detail.row.occurrence_count == 2
    assert detail.impact.users == 1
    assert store.health(3600, START + 60).attempts == 0


def test_a_person_is_forgotten(producer: Producer, store: SqlStore) -> None:
    """No row, recording, sample, counter or case contains the person; those of others stay."""
    hers = [
        failing("a", user_id="ada-77", project_id="proj-ada-77", user_request="ada-77 wants",
                context={"who": "ada-77"})
        for _ in range(3)
    ]  # fmt: skip
    other = failing("a", user_id="bob")
    producer.write(other, recordings=(recording_of(other),))
    producer.write(
        *hers,
        recordings=tuple(recording_of(r, inputs={"request": "ada-77"}) for r in hers[:2]),
    )
    mine = success(user_id="ada-77", user_request="ada-77")
    producer.write(mine, samples=(sample_of(mine),))
    assert set(store.cases()[0].case["recordings"]) >= {hers[0].generation_id}
    cleared = store.forget("ada-77")
    assert (cleared.generations, cleared.recordings, cleared.samples) == (4, 2, 1)
    assert (cleared.cases, cleared.failures) == (1, 1)
    text = everything(store).replace("proj-ada-77", "")
    assert "ada-77" not in text
    assert "bob" in text
    assert store.cases()[0].case["recordings"] == [other.generation_id]
    assert store.failure("v2:fingerprint-a").row.occurrence_count == 4
    again = store.forget("ada-77")
    assert again == type(again)()


def test_a_case_of_nothing_but_theirs_is_emptied(store_url: str, clock: FakeClock) -> None:
    """A case whose recordings were all the forgotten person's says that it has none."""
    store = SqlStore(
        store_url, clock=clock, propose=lambda _f, rs: {"r": rs[0].inputs} if rs else {}
    )
    store.open()
    records = [failing("a", user_id="ada") for _ in range(3)]
    Producer(store).write(*records, recordings=tuple(map(recording_of, records)))
    store.set_case_state(store.cases()[0].id, CaseState.REPRODUCED)
    store.forget("ada")
    case = store.cases()[0]
    assert (case.case, case.state) == ({}, CaseState.UNREPRODUCIBLE)
    assert "forgotten" in case.state_reason
    store.close()


def test_donors_of_a_person_leave_other_peoples_cases(producer: Producer, store: SqlStore) -> None:
    """What a person's successes answered goes from a case of somebody else, where it is a donor."""
    records = [failing("a", user_id="bob") for _ in range(3)]
    producer.write(*records, recordings=tuple(map(recording_of, records)))
    hers = success(user_id="ada")
    producer.write(hers, samples=(sample_of(hers),))
    row = store.cases()[0]
    donors = [{"generation_id": hers.generation_id, "step": {"outcome": "of ada"}}]
    store.save_case(row.id, {**row.case, "donors": donors})
    cleared = store.forget("ada")
    assert (cleared.samples, cleared.cases) == (1, 1)
    case = store.cases()[0].case
    assert hers.generation_id not in str(case)
    assert records[0].generation_id in str(case)


def test_a_case_of_somebody_else_stays_but_for_a_persons_donors(
    store_url: str, clock: FakeClock
) -> None:
    """Also where nothing builds cases; a donor of nobody that is known goes, too."""
    store = SqlStore(
        store_url, clock=clock,
        propose=lambda _f, rs: {"provenance": {"generation_id": rs[0].generation_id}},
    )  # fmt: skip
    store.open()
    records = [failing("a", user_id="bob") for _ in range(3)]
    hers, his = success(user_id="ada"), success(user_id="carl")
    Producer(store).write(
        *records, hers, his,
        recordings=tuple(map(recording_of, records)), samples=(sample_of(hers), sample_of(his)),
    )  # fmt: skip
    store.close()
    store = SqlStore(store_url, clock=clock)
    store.open()
    row = store.cases()[0]
    gone = [hers.generation_id, "0" * 32, "process"]
    donors = [{"generation_id": each, "step": {}} for each in (his.generation_id, *gone)]
    store.save_case(row.id, {**row.case, "donors": donors, "postcondition": "app:check"})
    for state in (CaseState.REPRODUCED, CaseState.OPEN):
        store.set_case_state(row.id, state)
    assert store.forget("ada").cases == 1
    kept = store.cases()[0]
    assert (kept.state, kept.case["postcondition"]) == (CaseState.OPEN, "app:check")
    assert kept.case["donors"] == donors[:1]
    assert store.forget("ada").cases == 0
    assert store.forget("bob").cases == 1
    emptied = store.cases()[0]
    assert (emptied.state, emptied.case) == (CaseState.RETIRED, {})
    store.close()


def test_what_was_decided_stays_where_a_case_is_built_again(
    producer: Producer, store_url: str, clock: FakeClock
) -> None:
    """A case of a forgotten person's recording takes somebody else's; the reviewer's postcondition stays."""
    store = SqlStore(
        store_url, clock=clock,
        propose=lambda _f, rs: {
            "provenance": {"generation_id": rs[0].generation_id}, "postcondition": None,
        },
    )  # fmt: skip
    store.open()
    records = [failing("a", user_id=name) for name in ("bob", "ada", "ada")]
    Producer(store).write(*records, recordings=tuple(map(recording_of, records)))
    row = store.cases()[0]
    hers = {"provenance": {"generation_id": records[1].generation_id}, "postcondition": "app:check"}
    store.save_case(row.id, hers)
    store.forget("ada")
    kept = store.cases()[0].case
    assert kept["provenance"] == {"generation_id": records[0].generation_id}
    assert kept["postcondition"] == "app:check"
    store.close()


def test_the_exporter_counts(producer: Producer, store: SqlStore) -> None:
    """Cases by state and failures by status are counted over the whole store."""
    producer.write(*(failing("a") for _ in range(3)), failing("b"), failing("c"))
    store.set_failure_status("v2:fingerprint-b", "resolved")
    counts = store.counts()
    assert counts.cases_by_state == {"proposed": 1}
    assert counts.failures_by_status == {"open": 2, "resolved": 1}
    assert counts.runs == {}


def test_tail_gives_what_came_after(producer: Producer, store: SqlStore) -> None:
    """Generations are listed once, in the order in which they were stored, with their failures."""
    producer.write(success(), success())
    (_, last) = store.generations()
    producer.write(failing("a"), success(operation="other"))
    rows = store.generations(after=last.id)
    assert [row.outcome for row in rows] == ["failure", "success"]
    assert (rows[0].handle, rows[0].category, rows[0].place) == (
        store.failures()[0].handle, "rate_limit", "call_model",
    )  # fmt: skip
    assert store.generations(after=rows[-1].id) == []
    assert [r.operation for r in store.generations(after=last.id, operation="other")] == ["other"]
    assert store.generations(limit=1) == [rows[-1]]


@pytest.mark.postgres
def test_grants_let_each_role_do_its_work_and_no_more(
    own_postgresql_server: postgresql.Server,
) -> None:
    """The application's role cannot change tables; Grafana's cannot read user ids and requests."""
    import psycopg

    postgresql_url = own_postgresql_server.new_database()
    owner = SqlStore(postgresql_url)
    owner.open()
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        for role in ("genmon_app", "genmon_grafana"):
            connection.execute(f'CREATE ROLE "{role}" LOGIN')
        connection.execute(owner.grants())  # type: ignore[arg-type]
    application = SqlStore(postgresql_url.replace("genmon@", "genmon_app@"))
    application.open()
    records = [failing("a") for _ in range(3)]
    Producer(application).write(*records, recordings=tuple(map(recording_of, records)))
    assert application.prune() > 0
    application.relabel("v2:fingerprint-a", category="unknown", reviewer="ada")
    assert [each.category for each in application.corrections()] == ["unknown"]
    application.undo_relabel("v2:fingerprint-a")
    application.forget("ada")
    assert application.cases()[0].state is CaseState.PROPOSED
    url = postgresql_url.replace("genmon@", "genmon_grafana@")
    with psycopg.connect(url, autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM generation_failures").fetchone() == (1,)
        reader.execute("SELECT operation, outcome, created_at FROM generation_analytics")
        for forbidden in ("user_request FROM generation_analytics", "* FROM failure_recordings"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"SELECT {forbidden}")
    with (
        psycopg.connect(postgresql_url.replace("genmon@", "genmon_app@")) as app,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        app.execute("DROP TABLE generation_failures")
    with pytest.raises(ConfigurationError):
        owner.grants('x"; DROP TABLE y')
    owner.close()
    application.close()


def test_grants_are_postgresqls(tmp_path: object) -> None:
    """Grants for a SQLite store are refused with a message that names the file's mode."""
    with pytest.raises(ConfigurationError, match="0600"):
        SqlStore(f"sqlite:///{tmp_path}/x.db").grants()

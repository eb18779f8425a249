"""Moodle's own database, read in chunks within one read-only transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd

from edml._messages import table_error
from edml._optional import import_optional
from edml.sources._moodle._tables import PARENT_WHERE, TABLES, WHERE, find_prefix

if TYPE_CHECKING:
    import sqlalchemy as sa

_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
_BACKENDS = (*_DRIVERS, "sqlite")
_CHUNK = 50_000  # rows fetched at a time


class Database:
    """The tables of Moodle that a connection sees.

    ``names`` are the tables that are there, without their prefix.
    """

    def __init__(self, connection: "sa.Connection", prefix: str | None) -> None:
        self._sa = import_optional("sqlalchemy", extra="moodle", purpose="A database")
        self._connection = connection
        with _no_details("its list of tables"):
            self._inspector = inspector = self._sa.inspect(connection)
            found = [*inspector.get_table_names(), *inspector.get_view_names()]
        self._prefix = find_prefix(found, prefix)
        self.names = {name for name in TABLES if self._prefix + name in found}

    def read(
        self, name: str, courses: Sequence[str | int] | None, *, by_day: bool = False
    ) -> Iterator[pd.DataFrame]:
        """Yield the rows of these courses in chunks, or their number by day."""
        with _no_details(f"table {self._prefix}{name}"):
            query = self._query(name, courses)
            yield from self._stream(self._count(query, name) if by_day else query)

    def _count(self, rows: "sa.Select[Any]", name: str) -> "sa.Select[Any]":
        """Count the equal rows of each day in the database."""
        kinds, day = TABLES[name].columns, self._sa.literal_column("86400")
        columns = [
            (column - column % day).label(column.name)
            if kinds[column.name] == "date"
            else column
            for column in rows.selected_columns
        ]
        keys = [getattr(column, "element", column) for column in columns]
        number = self._sa.func.count().label("count")
        return rows.with_only_columns(*columns, number).group_by(*keys)

    def _stream(self, query: "sa.Select[Any]") -> Iterator[pd.DataFrame]:
        """Yield the rows of a query in chunks, one at least."""
        columns = [column.name for column in query.selected_columns]
        result = self._connection.execution_options(
            stream_results=True, yield_per=_CHUNK
        ).execute(query)
        rows = None
        for rows in result.partitions():
            # by columns: pandas asks rows one by one what they are
            cells = zip(*rows, strict=True)
            yield pd.DataFrame(dict(zip(columns, cells, strict=True)))
        if rows is None:
            yield pd.DataFrame(columns=columns, dtype="float64")

    def _query(
        self, name: str, courses: Sequence[str | int] | None
    ) -> "sa.Select[Any]":
        table = self._table(name)
        query = self._sa.select(*table.c)
        for column, values in WHERE.get(name, {}).items():
            query = query.where(table.c[column].in_(values))
        if courses is not None or name in PARENT_WHERE:
            condition = self._within(table, name, courses)
            query = query if condition is None else query.where(condition)
        return query

    def _within(
        self, table: "sa.TableClause", name: str, courses: Sequence[str | int] | None
    ) -> "sa.ColumnElement[bool] | None":
        """Return the condition that the rows belong to these courses."""
        column, above = TABLES[name].parent or ("", "")
        if above not in self.names:
            return None
        if column not in table.c:  # reading its values says so
            return None
        if above == "course":
            return None if courses is None else table.c[column].in_(courses)
        parent = self._table(above, [*TABLES[above].columns])
        query = self._sa.select(parent.c.id)
        wanted = {**WHERE.get(above, {}), **PARENT_WHERE.get(name, {})}
        for restricted, values in wanted.items():
            query = query.where(parent.c[restricted].in_(values))
        condition = self._within(parent, above, courses)
        query = query if condition is None else query.where(condition)
        return table.c[column].in_(query)

    def _table(self, name: str, columns: list[str] | None = None) -> "sa.TableClause":
        if columns is None:
            found = self._inspector.get_columns(self._prefix + name)
            present = {column["name"] for column in found}
            columns = [column for column in TABLES[name].columns if column in present]
        sa = self._sa
        kinds = TABLES[name].columns
        return sa.table(
            self._prefix + name,
            *(
                # Moodle stores grades as decimals, whose objects are slow and large
                sa.column(column, sa.Numeric(asdecimal=False))
                if kinds[column] == "number"
                else sa.column(column)
                for column in columns
            ),
        )


@contextmanager
def open_database(source: Any, prefix: str | None) -> Iterator[Database]:
    """Connect to a URL or an engine, and begin a read-only transaction."""
    sa = import_optional("sqlalchemy", extra="moodle", purpose="A database")
    given = isinstance(source, sa.Engine)
    with _no_details("the connection"):
        engine = source if given else _make_engine(source)
        connection = engine.connect()
    try:
        with _no_details("the connection"):
            _begin_reading(connection)
        yield Database(connection, prefix)
    finally:
        connection.rollback()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.close()
        if not given:
            engine.dispose()


def _make_engine(url: Any) -> "sa.Engine":
    sa = import_optional("sqlalchemy", extra="moodle", purpose="A database")
    try:
        read = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # their messages may quote a password
        read = None
    if read is None or read.get_backend_name() not in _BACKENDS:
        message = (
            "Expected a URL such as postgresql://user:password@host/moodle, or one of "
            "mysql:// or mariadb://. Check its form; within a password, write % as %25 "
            "and @ as %40."
        )
        raise table_error("not_database", message) from None
    name = read.drivername
    if name in _DRIVERS:
        backend, driver = name, _DRIVERS[name]
        import_optional(driver, extra="moodle", purpose=f"A {backend} database")
        name = f"{backend}+{driver}"
    return sa.create_engine(read.set(drivername=name), poolclass=sa.NullPool)


def _begin_reading(connection: "sa.Connection") -> None:
    """Begin a transaction that cannot write and sees one state of all tables."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
        return
    connection.execution_options(isolation_level="REPEATABLE READ")
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")


@contextmanager
def _no_details(part: str) -> Iterator[None]:
    """Keep the driver's messages, which may hold credentials or values, from users."""
    sa = import_optional("sqlalchemy", extra="moodle", purpose="A database")
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        message = (
            f"Moodle's database cannot be read ({part}: {kind}). Check its URL, that "
            "the server runs, and that the user may read Moodle's tables."
        )
        raise table_error("database_failed", message) from None

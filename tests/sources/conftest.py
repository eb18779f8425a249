"""Real database servers, for the tests marked `database`."""

import pytest
import sqlalchemy as sa

from database_servers import run_mariadb, run_postgresql


@pytest.fixture(scope="session")
def postgresql():
    with run_postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb():
    with run_mariadb() as url:
        yield url


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request):
    """The URL of an empty database of each kind."""
    url = request.getfixturevalue(request.param)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    metadata.drop_all(engine)
    return url

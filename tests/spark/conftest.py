"""A Spark session with two cores, for the tests marked `spark`.

EDML_SPARK_REMOTE makes it one of Spark Connect, such as "local[2]".
"""

import os
import sys

import pytest

ZONE = "America/Bogota"  # no result depends on it


@pytest.fixture(scope="session")
def spark():
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession  # noqa: PLC0415 - in these tests only

    remote = os.environ.get("EDML_SPARK_REMOTE")
    if remote:
        builder = SparkSession.builder.remote(remote)
    else:
        builder = SparkSession.builder.master("local[2]")
        builder = builder.config("spark.ui.enabled", "false")
    session = builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", ZONE)
    session.conf.set("spark.sql.shuffle.partitions", "2")
    yield session
    session.stop()


@pytest.fixture
def to_spark(spark, tmp_path):
    """Return a function that turns a pandas DataFrame into one of Spark."""

    def convert(table):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        table.to_parquet(path, index=False)
        return spark.read.parquet(str(path))

    return convert

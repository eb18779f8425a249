"""Models, and bodies in every format, for the tests of the endpoint."""

import io
import json
from functools import cache

import jsonschema_rs
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.schema import resolve_columns
from edml.serving import Limits
from edml.serving._openapi import describe_endpoint

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"


def train(random_state=1, learner="lightgbm", columns=None, **given):
    """Fit a small model; its answers depend on ``random_state``."""
    X = make_student_activity(60, fail_rate=0.3, random_state=random_state)
    y = make_target(X)
    pipeline = make_risk_pipeline(learner, every=7, columns=columns, **given)
    pipeline.set_params(classify__n_estimators=10)
    return RiskClassifier(pipeline, cv=2).fit(renamed(X, columns), y)


def renamed(X, columns):
    """Rename columns; drop columns that already have the new names."""
    columns = columns or {}
    return X.drop(columns=[*columns.values()], errors="ignore").rename(columns=columns)


def _plain(X):
    """Return a table of Python objects, with None for missing values."""
    return X.astype(object).where(X.notna(), None)


def as_records(X):
    return json.dumps(_plain(X).to_dict("records")).encode()


def as_columns(X):
    return json.dumps(_plain(X).to_dict()).encode()


def as_columns_with_nan(X):
    return json.dumps(_plain(X).fillna("nan").to_dict()).encode()


def as_csv(X):
    return X.to_csv(index=False).encode()


def as_parquet(X):
    file = io.BytesIO()
    X.to_parquet(file)
    return file.getvalue()


def as_parquet_of_categories(X):
    texts = {name: "category" for name in X if X[name].dtype.kind not in "ifu"}
    return as_parquet(X.astype(texts))


def as_parquet_of_plain_pages(X):
    file = io.BytesIO()
    table = pa.Table.from_pandas(X, preserve_index=False)
    pq.write_table(table, file, use_dictionary=False, row_group_size=7)
    return file.getvalue()


FORMATS = {
    "records": (as_records, JSON),
    "columns": (as_columns, JSON),
    "columns with nan": (as_columns_with_nan, JSON),
    "csv": (as_csv, CSV),
    "parquet": (as_parquet, PARQUET),
    "parquet of categories": (as_parquet_of_categories, PARQUET),
    "parquet of plain pages": (as_parquet_of_plain_pages, PARQUET),
}


def post(client, X, kind="records", query="", **headers):
    write, content_type = FORMATS[kind]
    return client.post(
        f"/predict{query}", data=write(X), content_type=content_type, headers=headers
    )


def predictions(answer):
    assert answer.status_code == 200, answer.text
    return pd.DataFrame(answer.json["predictions"])


@cache
def _validator(name):
    document = describe_endpoint(resolve_columns(None), Limits(), tokens=True)
    schema = {"$ref": f"#/components/schemas/{name}", **document}
    return jsonschema_rs.validator_for(schema)


def conform(instance, name):
    """Check a document of the endpoint against its OpenAPI schema."""
    _validator(name).validate(instance)

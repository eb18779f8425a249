# The commands of edml as an image: `docker build --tag edml .`, then see compose.yaml.
# `--build-arg EXTRAS=serve,app` chooses the extras of pyproject.toml.

# It has Python 3.13, for which `nox -s lock` writes requirements.lock.
FROM debian:trixie-slim AS base
# LightGBM's and XGBoost's wheels need the system's OpenMP library.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 python3 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS dependencies
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY requirements.lock ./
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.txt \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r uv.txt \
    && /opt/uv/bin/uv pip install --no-cache --python /opt/uv \
       --constraints requirements.lock hatchling
ENV PATH=/opt/uv/bin:$PATH \
    UV_COMPILE_BYTECODE=1 \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never
COPY pyproject.toml ./
ARG EXTRAS=serve
# Only a change of pyproject.toml or of the lock installs the dependencies again. uv
# checks the hashes of the lock; what the lock lacks is listed, and ends the build.
RUN uv venv --python 3.13 /opt/edml \
    && echo xgboost > instead \
    && sed -n 's/^\([^ ]*==[^ ]*\).*/\1/p' requirements.lock > locked \
    && uv pip install --python /opt/edml --constraints requirements.lock \
       --requirements pyproject.toml $(printf ' --extra %s' $(echo "$EXTRAS" | tr , ' ')) \
       --excludes instead xgboost-cpu \
    && ! uv pip freeze --python /opt/edml | grep --invert-match --line-regexp \
       --fixed-strings --file locked

FROM dependencies AS build
COPY README.md LICENSE ./
COPY src src
RUN hatchling build --target wheel --directory . \
    && uv pip install --python /opt/edml --prefix /opt/only --no-deps *.whl

FROM base
RUN groupadd --system --gid 10001 edml \
    && useradd --system --uid 10001 --gid edml --no-create-home \
       --shell /usr/sbin/nologin edml \
    && install -d -o edml -g edml /features /inferences /registry
# In two layers, of which only the second one changes with the sources.
COPY --from=dependencies /opt/edml /opt/edml
COPY --from=build /opt/only /opt/edml
# One thread for each library: requests run side by side instead.
ENV PATH=/opt/edml/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    EDML_ENDPOINT_HOST=0.0.0.0 \
    EDML_ENDPOINT_PORT=8000 \
    EDML_PATHS_FEATURES=/features/features.parquet \
    EDML_PATHS_IMPORTANCE=/features/importance.csv \
    EDML_PATHS_INFERENCES=/inferences \
    EDML_REGISTRY_PATH=/registry
# The events and edml.toml are read here.
WORKDIR /events
USER 10001:10001
EXPOSE 8000 8501
# `edml serve` finishes the requests in flight, and stops.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["edml", "serve", "--check"]
ENTRYPOINT ["edml"]
CMD ["serve"]

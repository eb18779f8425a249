# The endpoint as an image: `docker build --tag edml .`, then see compose.yaml.

FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /opt/edml \
    && /opt/edml/bin/pip install --no-cache-dir ".[serve]"

FROM python:3.11-slim
# LightGBM's wheel needs the system's OpenMP library, which slim images lack.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 edml \
    && useradd --system --uid 10001 --gid edml --no-create-home \
       --shell /usr/sbin/nologin edml
COPY --from=build /opt/edml /opt/edml
# One thread for each library: requests run side by side instead.
ENV PATH=/opt/edml/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    EDML_HOST=0.0.0.0 \
    EDML_PORT=8000 \
    EDML_REGISTRY=/registry
USER 10001:10001
EXPOSE 8000
# edml-serve finishes the requests in flight, and stops.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['EDML_PORT'] + '/health', timeout=4)"]
ENTRYPOINT ["edml-serve"]

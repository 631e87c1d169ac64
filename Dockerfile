# syntax=docker/dockerfile:1
# The first stage has a compiler, the product none. docs/deploy.md says how to run it.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
# Debian's mirrors keep the newest version of a package alone, so none is named.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev pkg-config libmariadb-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt requirements-mysql.txt /build/
RUN pip install --require-hashes -r /build/requirements.txt -r /build/requirements-mysql.txt \
    && pip uninstall --yes pip setuptools
COPY . /app
WORKDIR /app
# The key is for this one command, and whatever it keeps besides static files is removed: an image
# holds no secret.
RUN NERUBA_SECRET_KEY=only-to-collect-files DATABASE_URL=sqlite:////tmp/build.sqlite3 \
    python manage.py collectstatic --no-input --verbosity 0 \
    && find var -mindepth 1 -maxdepth 1 ! -name static -exec rm -r {} + \
    && python -m compileall -q /app

FROM ${PYTHON} AS product
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 neruba \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /data neruba \
    && install --directory --owner=10001 --group=10001 /data /archive
COPY --from=build /venv /venv
# Root's, so that the process cannot change its own code.
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --retries=3 \
    CMD ["python", "-m", "bin.lib.container", "live"]
ENTRYPOINT ["python", "-m", "bin.lib.container"]
CMD ["web"]

# With programs that dump and restore, and entered there; not what serves.
FROM product AS rehearse
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends mariadb-client \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "bin.lib.rehearse"]
CMD []

FROM product

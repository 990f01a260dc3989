# The image of every Attestry process: web (the default command), worker, beat, migrate.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.lock .
RUN python -m venv /opt/attestry \
    && /opt/attestry/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-deps --only-binary :all: -r requirements.lock

FROM python:3.11-slim-bookworm
# WeasyPrint draws the reports with Pango.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /srv/attestry attestry \
    && install --directory --owner attestry /var/lib/attestry /var/lib/attestry/artifacts \
        /var/lib/attestry/log-key /var/lib/attestry/log-mac-key /var/lib/attestry/published-log

COPY --from=packages /opt/attestry /opt/attestry
WORKDIR /srv/attestry
COPY manage.py ./
COPY config config
COPY audit audit
COPY tracking tracking
COPY registry registry
COPY templates templates
COPY static static

ENV PATH=/opt/attestry/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ATTESTRY_VAR=/var/lib/attestry \
    ATTESTRY_ARTIFACT_ROOT=/var/lib/attestry/artifacts
USER attestry
# The key serves this one command, which signs nothing; each process is given the real one.
RUN ATTESTRY_SECRET_KEY=only-for-collectstatic python manage.py collectstatic --no-input
EXPOSE 8000
# Large answers and uploads come and go at once in several threads. What they took goes back
# to the system with them: one arena, no larger blocks kept in it (glibc; without a number
# it learns to keep what is freed) and none kept for more than a second by granian's own
# allocator (jemalloc): given back at once, each part of a large file would fault again.
# With a thread that ends for being idle, its connection to the database ends, too.
CMD ["env", "MALLOC_ARENA_MAX=1", "MALLOC_MMAP_THRESHOLD_=131072", \
     "_RJEM_MALLOC_CONF=dirty_decay_ms:1000,muzzy_decay_ms:0", \
     "granian", "config.wsgi:application", "--interface", "wsgi", "--http", "1", "--no-ws", \
     "--host", "0.0.0.0", "--port", "8000", "--workers", "4", "--blocking-threads", "2", \
     "--blocking-threads-idle-timeout", "600", "--respawn-failed-workers", \
     "--workers-kill-timeout", "120", "--access-log"]

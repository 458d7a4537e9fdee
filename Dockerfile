# syntax=docker/dockerfile:1
# One image for every role of the product; docker-compose.yml says which command each runs.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
# Only ready-made wheels with the pinned hashes: nothing is compiled, so no compiler is in any stage.
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=clinic.config.settings \
    STATIC_ROOT=/srv/static
RUN groupadd --gid 10001 clinic \
    && useradd --uid 10001 --gid clinic --no-create-home --home-dir /srv --shell /usr/sbin/nologin clinic
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/app
COPY manage.py ./
COPY clinic ./clinic
COPY patients ./patients
COPY notifications ./notifications
COPY scheduling ./scheduling
# The settings refuse to start without a key and a database; these reach neither and are not kept in the image.
RUN SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(64))') \
    DATABASE_URL=postgresql://build@127.0.0.1/build \
    python manage.py collectstatic --no-input --verbosity 0
USER clinic
EXPOSE 8000
# A worker takes in no more connections than it can soon answer; the rest goes to the other one.
# The web process is the only one of several workers that share their counts, in a folder made at the start.
CMD ["sh", "-c", "export PROMETHEUS_MULTIPROC_DIR=/tmp/metrics && mkdir -p /tmp/metrics && exec gunicorn clinic.config.wsgi:application --bind 0.0.0.0:8000 --worker-class gthread --workers ${WEB_WORKERS:-2} --threads ${WEB_THREADS:-8} --worker-connections $((2 * ${WEB_THREADS:-8})) --worker-tmp-dir /dev/shm --no-control-socket"]

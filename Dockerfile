# One image for every process; which one it is, the command says.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE}

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY requirements.lock ./
RUN python -m pip install --quiet --require-hashes -r requirements.lock

COPY pyproject.toml README.md ./
COPY presets ./presets
COPY shared ./shared
COPY services ./services
COPY research ./research
RUN python -m pip install --quiet --no-deps --no-build-isolation . \
    && python -m compileall -q services shared research \
    && groupadd --system --gid 10001 breakout \
    && useradd --system --uid 10001 --gid breakout --create-home breakout \
    && install -d -o breakout -g breakout /state

USER breakout
VOLUME /state
# A service touches this file with every sign of life; see BREAKOUT__RUNTIME__HEARTBEAT_FILE.
ENV BREAKOUT__RUNTIME__HEARTBEAT_FILE=/tmp/alive BREAKOUT_HOME=/state
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
    CMD test $(( $(date +%s) - $(stat -c %Y /tmp/alive) )) -lt 10
CMD ["breakout", "--help"]

# The farm without torch: the API, Flower, and the `farm` command. From the repository's root:
#   docker build -f deploy/docker/api.Dockerfile -t portrait-farm-api .
FROM python:3.12.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/farm
ENV PATH=/opt/farm/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The dependencies alone first, around an empty package: a change of our own code then installs none of them again.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir farm && touch farm/__init__.py && pip install -c constraints.txt ".[postgres]"
COPY farm farm
RUN pip install --no-deps --force-reinstall .

FROM python:3.12.13-slim-bookworm
RUN groupadd --gid 10001 farm \
    && useradd --uid 10001 --gid farm --home-dir /var/lib/farm --shell /usr/sbin/nologin farm \
    && install -d -o farm -g farm -m 700 /var/lib/farm /var/lib/farm/tmp
COPY --from=build /opt/farm /opt/farm
# What is spooled (archives of cascades, gigabytes) goes to the volume, not to a /tmp in memory.
ENV PATH=/opt/farm/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FARM_HOME=/var/lib/farm HOME=/var/lib/farm TMPDIR=/var/lib/farm/tmp
USER 10001:10001
WORKDIR /var/lib/farm
EXPOSE 8800
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8800/health', timeout=8)"]
# Exec form: SIGTERM reaches the server itself.
CMD ["python", "-m", "farm.api"]

# The farm with torch: one worker on one device. From the repository's root, for a CPU, and for an NVIDIA GPU:
#   docker build -f deploy/docker/worker.Dockerfile -t portrait-farm-worker .
#   docker build -f deploy/docker/worker.Dockerfile -t portrait-farm-worker-cuda \
#       --build-arg TORCH_WHEELS=https://pypi.org/simple .
FROM python:3.12.13-slim-bookworm AS build
# An index searched beside PyPI. This one's builds count as newer than PyPI's and are CPU only, a fifth of the size. PyPI's own
# builds of torch bring CUDA with them: the machine gives only the driver, and no CUDA base image is needed.
ARG TORCH_WHEELS=https://download.pytorch.org/whl/cpu
WORKDIR /src
RUN python -m venv /opt/farm
ENV PATH=/opt/farm/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The dependencies alone first, around empty packages: a change of our own code then installs none of them again.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir farm workers && touch farm/__init__.py workers/__init__.py \
    && pip install --extra-index-url "$TORCH_WHEELS" -c constraints.txt ".[postgres,worker]"
COPY farm farm
COPY workers workers
RUN pip install --no-deps --force-reinstall .

FROM python:3.12.13-slim-bookworm
RUN groupadd --gid 10001 farm \
    && useradd --uid 10001 --gid farm --home-dir /var/lib/farm --shell /usr/sbin/nologin farm \
    && install -d -o farm -g farm -m 700 /var/lib/farm /var/lib/farm/tmp
COPY --from=build /opt/farm /opt/farm
# The NVIDIA runtime reads the last variable: what of the driver to bring in. Without a GPU it means nothing.
ENV PATH=/opt/farm/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FARM_HOME=/var/lib/farm HOME=/var/lib/farm TMPDIR=/var/lib/farm/tmp \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /var/lib/farm
# It imports torch and prepares its device before it signs on: give it time at first.
HEALTHCHECK --interval=30s --timeout=20s --start-period=180s CMD ["farm", "worker", "--check"]
# Exec form, and `farm worker` gives its place to Celery: SIGTERM reaches the Celery parent alone, which then ends in
# order. Its child ends its micro-batch and gives the rest back; a signal to the child as well would be one too many.
CMD ["farm", "worker"]

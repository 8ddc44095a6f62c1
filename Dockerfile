# An image that Flyte tasks tracked in Comet can run in.
#
#   docker build -t my-registry/train:v1 .                                 this source
#   docker build -t my-registry/train:v1 --build-arg VERSION=2.0.0 .       a release from PyPI
FROM python:3.11-slim

ARG VERSION=""

RUN useradd --create-home --uid 1000 flytekit
WORKDIR /home/flytekit

COPY setup.py pyproject.toml README.md LICENSE /tmp/source/
COPY flytekitplugins /tmp/source/flytekitplugins
# install-step
RUN if [ -n "$VERSION" ]; then \
      pip install --no-cache-dir "flytekitplugins-comet-ml==$VERSION"; \
    else \
      pip install --no-cache-dir /tmp/source; \
    fi \
    && rm -rf /tmp/source

USER 1000
ENV PYTHONPATH=/home/flytekit

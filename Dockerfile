# Sightline in a container. The images can be replaced by local ones:
#   buildah bud --build-arg BUILD_IMAGE=localhost/python:3.11-slim-bookworm --build-arg RUN_IMAGE=… .
ARG BUILD_IMAGE=docker.io/library/python:3.13-slim-bookworm
ARG RUN_IMAGE=${BUILD_IMAGE}

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
# A C compiler for the kernels. Without one the image works too, with their slower Python twins.
COPY scripts/bootstrap scripts/find_python scripts/
RUN scripts/bootstrap run || echo "No C compiler could be installed: Python twins are used."
COPY requirements.lock ./
RUN python3 -m venv /opt/sightline \
 && /opt/sightline/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY . .
# The wheel's build hook builds the page, with Node from PyPI where the image has none, and the kernels.
RUN /opt/sightline/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM ${RUN_IMAGE}
# The ids are fixed, so that a volume goes on belonging to the gateway when the image is built again.
RUN groupadd --gid 10001 sightline \
 && useradd --uid 10001 --gid sightline --no-create-home --home-dir /data --shell /usr/sbin/nologin sightline \
 && install -d -o sightline -g sightline -m 0750 /data
COPY --from=build /opt/sightline /opt/sightline
ENV PATH=/opt/sightline/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SIGHTLINE_DATA_DIR=/data \
    SIGHTLINE_HTTP_LISTEN=0.0.0.0:8080
USER sightline
WORKDIR /data
VOLUME /data
# Page, API and ONVIF; WebRTC (UDP, and TCP where firewalls are strict); RTSP toward NVRs.
EXPOSE 8080/tcp 8189/udp 8189/tcp 8554/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
  ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["sightline"]
CMD ["serve"]

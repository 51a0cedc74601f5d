# The image of the router. It takes what Linkerd's image takes: the path of a configuration as its argument.
#
#   docker build -t noderouter .
#   docker run -v $PWD/config.yaml:/io.buoyant/linkerd/config/config.yaml -p 4140:4140 noderouter

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY dtab dtab
COPY noderouter noderouter
# A virtual environment without pip is all that goes on; of the kubernetes package the half for asyncio, 68 MB, is not
# used. The last line fails where the head parser was not compiled.
RUN python -m venv --without-pip /opt/noderouter \
    && pip --python /opt/noderouter/bin/python install --no-cache-dir --disable-pip-version-check . \
    && find /opt/noderouter -depth -type d \( -name tests -o -path '*/kubernetes/aio' \) -exec rm -rf {} + \
    && /opt/noderouter/bin/python -I -c 'from noderouter.http1.head import COMPILED; raise SystemExit(not COMPILED)'

FROM python:${PYTHON}-slim
# What `noderouter intercept` runs to keep a node's rules; `noderouter run` needs none of it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nftables iptables ipset iproute2 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/noderouter /opt/noderouter
ENV PATH=/opt/noderouter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can see that it is not root. Nothing is written, so nothing belongs to it.
USER 65532:65532
EXPOSE 4140 4141 4143 9990 9991
ENTRYPOINT ["noderouter", "run"]
CMD ["/io.buoyant/linkerd/config/config.yaml"]

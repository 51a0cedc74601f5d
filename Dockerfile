# The image of the router (docs/image.md). It takes what Linkerd's image takes: the path of a configuration as its argument.
#
#   docker build -t noderouter .
#   docker run -v $PWD/config.yaml:/io.buoyant/linkerd/config/config.yaml -p 4140:4140 noderouter

# Any Debian with Python 3.11 or later, pip and venv. To pin it: --build-arg BASE=python@sha256:…
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
# The order of sets is in what mypyc and compileall write.
ENV PYTHONHASHSEED=0 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# An index of one's own: its pip.conf and certificates are secrets of the build, and in no layer.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca \
    python -m venv --without-pip /build \
    && python -m venv --without-pip /opt/noderouter \
    && pip --python /build/bin/python install --no-deps --only-binary :all: --no-compile --require-hashes -r requirements-build.lock \
    && pip --python /opt/noderouter/bin/python install --no-deps --only-binary :all: --no-compile --require-hashes -r requirements.lock
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY dtab dtab
COPY noderouter noderouter
# Of the kubernetes package only what reads a kubeconfig is used: not its half for asyncio, nor the generated classes,
# which are imported when somebody asks for one. Bytecode is bound to no time, so that two builds are alike. The last
# lines fail where the data path, the head parser or HPACK was not compiled.
# hadolint ignore=DL3013
RUN pip --python /build/bin/python wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/noderouter/bin/python install --no-deps --no-index --no-compile --find-links /wheels noderouter \
    && find /opt/noderouter -depth -type d \( -name tests -o -name _tests -o -path '*/kubernetes/aio' \) -exec rm -rf {} + \
    && find /opt/noderouter -path '*/kubernetes/client/*/*.py' ! -name __init__.py -delete \
    && /opt/noderouter/bin/python -m compileall -f -q --invalidation-mode unchecked-hash /opt/noderouter/lib \
    && /opt/noderouter/bin/noderouter version > /tmp/version \
    && grep '^data path: compiled' /tmp/version \
    && grep '^head parser: compiled' /tmp/version \
    && grep '^HPACK: compiled' /tmp/version

FROM ${BASE}
# What `noderouter intercept` runs to keep a node's rules; `noderouter run` needs none of it. Logs and caches would tell
# when this was built; pip and programs that change their user are of no use to a router.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nftables iptables ipset iproute2 \
    && pip uninstall --yes --root-user-action ignore pip \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/*
COPY --from=build /opt/noderouter /opt/noderouter
ENV PATH=/opt/noderouter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="noderouter" \
    org.opencontainers.image.description="A service-mesh router that runs once on every Kubernetes node" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# A number, so that Kubernetes can see that it is not root. Nothing is written, so nothing belongs to it.
USER 65532:65532
EXPOSE 4140 4141 4143 9990 9991
ENTRYPOINT ["noderouter", "run"]
CMD ["/io.buoyant/linkerd/config/config.yaml"]

# Two images, both without root: `worker`, and `triton`, which adds the models to a Triton.
#
# `make image` fetches what a worker needs, by the hashes of requirements/image.txt, before the build, so that the build
# itself needs no network where BASE has the tools (a Debian 12 with python3-venv, python3-dev, gcc and ca-certificates).
ARG BASE=debian:bookworm-slim
ARG TRITON=scratch

FROM ${BASE} AS tools
RUN { command -v gcc && python3 -c 'import ensurepip' && test -e /usr/include/python3.11/Python.h && test -e /etc/ssl/certs/ca-certificates.crt; } >/dev/null 2>&1 \
 || { apt-get update && apt-get install --yes --no-install-recommends binutils ca-certificates gcc libc6-dev python3-dev python3-venv; }

FROM tools AS build
# What is built from the same files is the same, byte for byte.
ENV SOURCE_DATE_EPOCH=1704067200 PYTHONHASHSEED=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INDEX=1 PIP_FIND_LINKS="/wheels /own" \
    CFLAGS="-O2 -g0 -ffile-prefix-map=/source=."
COPY build/wheels /wheels
RUN python3 -m venv /opt/build && /opt/build/bin/pip install --quiet hatchling "mypy[mypyc]" setuptools wheel
COPY pyproject.toml README.md /source/
COPY schemas /source/schemas
COPY models.toml /source/
COPY streamproc /source/streamproc
COPY aligner_mypyc /source/aligner_mypyc
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /own /source/aligner_mypyc /source
RUN python3 -m venv --without-pip /opt/streamproc \
 && /opt/build/bin/pip --python /opt/streamproc/bin/python install --quiet --no-compile "streamproc[worker,otlp]" \
 && cd /opt/streamproc/lib/python3.11/site-packages \
 && find . -depth -type d \( -name tests -o -name include \) -path './*/*' -not -path './google/*' -exec rm -r {} + \
 && find . -type f \( -name '*.pyi' -o -name '*.c' -o -name '*.pyx' -o -name '*.h' -o -name '*.a' \) -delete \
 && rm -f /opt/streamproc/bin/activate* /opt/streamproc/bin/Activate* \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/streamproc/lib

# The file system of the worker: what Python needs of Debian, and no shell, no package manager, nobody but one user.
RUN set -eu; root=/image; \
    mkdir -p $root/usr/bin $root/usr/lib $root/usr/lib64 $root/usr/sbin $root/etc/ssl/certs $root/run/tls $root/tmp $root/opt; \
    for name in bin lib lib64 sbin; do ln -s usr/$name $root/$name; done; \
    dpkg -L libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libbz2-1.0 liblzma5 libffi8 libssl3 libsqlite3-0 libuuid1 libcrypt1 libtinfo6 \
      python3-minimal python3.11-minimal libpython3.11-minimal libpython3.11-stdlib media-types tzdata > /packages; \
    grep -vE '^/usr/share/(doc|man|lintian|bug|applications|pixmaps|binfmts|gcc|gdb|python3/runtime.d)|/(ensurepip|idlelib|lib2to3|turtledemo|pydoc_data)(/|$)|^/usr/bin/(py|2to3|idle)|/gconv/' /packages \
    | sort -u | while read -r path; do if [ -L "$path" ] || [ -f "$path" ]; then echo "${path#/}"; fi; done \
    | tar --create --directory=/ --no-recursion --files-from=- | tar --extract --keep-directory-symlink --directory=$root; \
    cp -a /usr/bin/python3 /usr/bin/python3.11 $root/usr/bin/; \
    cp /etc/ssl/certs/ca-certificates.crt $root/etc/ssl/certs/; \
    echo 'streamproc:x:65532:65532:streamproc:/tmp:/nonexistent' > $root/etc/passwd; \
    echo 'streamproc:x:65532:' > $root/etc/group; \
    echo 'hosts: files dns' > $root/etc/nsswitch.conf; \
    cp -a /opt/streamproc $root/opt/; \
    install -D -m 0644 /source/models.toml $root/etc/streamproc/models.toml; \
    find $root/usr/lib/python3* -name __pycache__ -prune -exec rm -r {} +; \
    python3 -m compileall -q --invalidation-mode unchecked-hash -s $root -p / $root/usr/lib/python3.11; \
    ldconfig -r $root; rm -rf $root/var; \
    chmod 0700 $root/run/tls; chmod 1777 $root/tmp; chown 65532:65532 $root/run/tls; \
    PYTHONDONTWRITEBYTECODE=1 chroot $root /opt/streamproc/bin/python -c 'import streamproc.app, opentelemetry.exporter.otlp.proto.http'

FROM scratch AS worker
COPY --from=build /image /
ENV PATH=/opt/streamproc/bin:/usr/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    STREAMPROC_WEB__HOST=0.0.0.0 STREAMPROC_LOG__FORMAT=json \
    STREAMPROC_INFERENCE__MODELS_FILE=/etc/streamproc/models.toml
USER 65532:65532
# All that is ever written to: the rest may be read-only.
VOLUME ["/tmp", "/run/tls"]
EXPOSE 6066
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["streamproc", "health"]
# Finishes what is in flight, then leaves the group.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/streamproc/bin/streamproc"]
CMD ["worker"]

FROM ${TRITON} AS triton
COPY --chown=65532:65532 models /models
USER 65532:65532
VOLUME ["/tmp", "/run/tls"]

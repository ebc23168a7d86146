# syntax=docker/dockerfile:1
#
# For those who build with an engine: `make build`, then `docker build --tag spillway .`
# The same image, reproducible and without an engine, comes from `make image`; a test
# keeps this file in agreement with it.
#
# Nothing below the program: it is static, it starts no others, and it verifies API
# servers by the authorities in its kubeconfigs, not by well-known ones.
FROM scratch
COPY --chmod=0444 <<passwd /etc/passwd
root:x:0:0:root:/:/sbin/nologin
nonroot:x:65532:65532:nonroot:/:/sbin/nologin
passwd
COPY --chmod=0444 <<group /etc/group
root:x:0:
nonroot:x:65532:
group
COPY --chmod=0555 bin/spillway /spillway
LABEL org.opencontainers.image.title="spillway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/spillway-io/spillway"
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/spillway"]

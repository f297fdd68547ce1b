# The image holds the programs and nothing else: no shell, no libraries. It is
# built from static binaries made outside (`make image` builds dist/ first), so
# that no base image is pulled.
FROM scratch

# dist/ holds weir, and weir-agent once cmd/weir-agent is there.
COPY dist/weir* /

# What weir knows and its history are kept here; mount a volume to keep them over an upgrade.
COPY --chown=65532:65532 dist/state /var/lib/weir
ENV XDG_STATE_HOME=/var/lib TMPDIR=/var/lib/weir
WORKDIR /var/lib/weir

# A number, because there is no /etc/passwd. Nothing here needs more rights: 6343
# is above 1023.
USER 65532:65532

EXPOSE 6343/udp

HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/weir", "healthcheck"]
ENTRYPOINT ["/weir"]
CMD ["run"]

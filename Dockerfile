# The image holds the programs and nothing else: no shell, no libraries. It is
# built from static binaries made outside (`make image` builds dist/ first), so
# that no base image is pulled.
FROM scratch

# dist/ holds weir, and weir-agent once cmd/weir-agent is there.
COPY dist/ /

# A number, because there is no /etc/passwd. Nothing here needs more rights: 6343
# is above 1023.
USER 65532:65532

# Known agents and, later, history are kept here. Mount a volume to keep them
# over an upgrade; without one the collector says that it forgets.
ENV XDG_STATE_HOME=/tmp

EXPOSE 6343/udp

HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/weir", "healthcheck"]
ENTRYPOINT ["/weir"]
CMD ["run"]

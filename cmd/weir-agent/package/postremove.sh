#!/bin/sh
# deb: remove, purge and others; rpm: 0 at the removal, 1 at an upgrade.
set -e
if [ "$1" = purge ] || [ "$1" = 0 ]; then
	rm -rf "${DPKG_ROOT:-}/run/weir-agent"
fi
[ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ] || exit 0
systemctl daemon-reload

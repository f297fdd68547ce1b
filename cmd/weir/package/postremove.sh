#!/bin/sh
# deb: remove, purge and others; rpm: 0 at the removal, 1 at an upgrade.
set -e
if [ "$1" = purge ]; then
	rm -rf "${DPKG_ROOT:-}/var/lib/weir" "${DPKG_ROOT:-}/var/lib/private/weir"
fi
[ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ] || exit 0
systemctl daemon-reload

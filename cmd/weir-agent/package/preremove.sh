#!/bin/sh
# deb: remove or upgrade; rpm: 0 at the removal, 1 at an upgrade.
set -e
[ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ] || exit 0
if [ "$1" = 0 ] || [ "$1" = remove ]; then
	systemctl disable --now weir-agent.service || :
fi

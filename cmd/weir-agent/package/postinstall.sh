#!/bin/sh
# deb: configure OLD-VERSION; rpm: 1 at the first installation, 2 at an upgrade.
set -e
[ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ "$1" = 1 ] || { [ "$1" = configure ] && [ -z "$2" ]; }; then
	# Started where the distribution starts services that are installed.
	systemctl preset weir-agent.service || :
	if systemctl -q is-enabled weir-agent.service; then
		systemctl start weir-agent.service || :
	fi
else
	systemctl try-restart weir-agent.service || :
fi

package libvirt

import golibvirt "github.com/digitalocean/go-libvirt"

// stateWord names a virDomainState.
func stateWord(s int32) string {
	words := [...]string{"nostate", "running", "blocked", "paused", "shutdown", "shutoff", "crashed", "pmsuspended"}
	if s < 0 || int(s) >= len(words) {
		return "unknown"
	}
	return words[s]
}

// reasonWord names the reason of a virDomainState; "" where libvirt knows none.
func reasonWord(state, reason int32) string {
	var words []string
	switch golibvirt.DomainState(state) {
	case golibvirt.DomainRunning:
		words = []string{"", "booted", "migrated", "restored", "from-snapshot", "unpaused", "migration-cancelled", "save-cancelled", "wakeup", "crashed", "post-copy", "post-copy-failed"}
	case golibvirt.DomainPaused:
		words = []string{"", "user", "migrating", "saving", "dumping", "ioerror", "watchdog", "from-snapshot", "shutting-down", "snapshot", "crashed", "starting", "post-copy", "post-copy-failed", "api-error"}
	case golibvirt.DomainShutdown:
		words = []string{"", "user"}
	case golibvirt.DomainShutoff:
		words = []string{"", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot", "daemon"}
	case golibvirt.DomainCrashed:
		words = []string{"", "panicked"}
	}
	if reason < 0 || int(reason) >= len(words) {
		return ""
	}
	return words[reason]
}

// detailWord names the detail of a lifecycle event.
func detailWord(event, detail int32) string {
	var words []string
	switch golibvirt.DomainEventType(event) {
	case golibvirt.DomainEventDefined:
		words = []string{"added", "updated", "renamed", "from-snapshot"}
	case golibvirt.DomainEventUndefined:
		words = []string{"removed", "renamed"}
	case golibvirt.DomainEventStarted:
		words = []string{"booted", "migrated", "restored", "from-snapshot", "wakeup", "recreated"}
	case golibvirt.DomainEventSuspended:
		words = []string{"paused", "migrated", "ioerror", "watchdog", "restored", "from-snapshot", "api-error", "post-copy", "post-copy-failed"}
	case golibvirt.DomainEventResumed:
		words = []string{"unpaused", "migrated", "from-snapshot", "post-copy", "post-copy-failed"}
	case golibvirt.DomainEventStopped:
		words = []string{"shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot", "recreated"}
	case golibvirt.DomainEventShutdown:
		words = []string{"finished", "guest", "host"}
	case golibvirt.DomainEventPmsuspended:
		words = []string{"memory", "disk"}
	case golibvirt.DomainEventCrashed:
		words = []string{"panicked", "crashloaded"}
	}
	if detail < 0 || int(detail) >= len(words) {
		return ""
	}
	return words[detail]
}

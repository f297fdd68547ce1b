package collector

// diskWatch is what cannot be written, as it was told last. Who writes it counts
// what is lost and tries again; this alone says so in the log, once for each time.
type diskWatch struct {
	told map[string]bool
}

// watchDisk tells when flow samples, evidence or the audit log cannot be written any
// more, and when they can again.
func (a *app) watchDisk() {
	if a.history != nil {
		a.tellDisk("flow history", a.history.flows.Stats().Err)
	}
	if a.evidence != nil {
		a.tellDisk("evidence", a.evidence.keeper.Stats().Err)
	}
	if a.door != nil {
		_, _, _, problem := a.door.audit.Stats()
		a.tellDisk("audit log", problem)
	}
}

func (a *app) tellDisk(what, problem string) {
	switch told := a.disk.told[what]; {
	case problem != "" && !told:
		if a.disk.told == nil {
			a.disk.told = map[string]bool{}
		}
		a.disk.told[what] = true
		a.log.Error().Str("error", problem).Msg(what + " cannot be written: what is lost meanwhile is counted, detection goes on")
	case problem == "" && told:
		a.disk.told[what] = false
		a.log.Info().Msg(what + " is written again")
	}
}

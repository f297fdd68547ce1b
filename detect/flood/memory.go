package flood

// Octets of what is kept, on a 64-bit machine; a test holds them to the truth.
const (
	placeBytes  = 88      // of a host or prefix in a Table
	fixedBytes  = 280_000 // of a Table
	batchBytes  = 576_000
	batches     = 3 // on both sides of the hand-over
	victimBytes = 2_200
	mostOfKey   = 12_400 // of a victim under attack by every kind
	trackBytes  = 3_360
	cutBytes    = 500_000
)

// Bytes returns the memory of the table, with its part of the hand-over.
func (t *Table) Bytes() int {
	_, places := t.Used()
	return places*placeBytes + fixedBytes + batches*batchBytes
}

// Bytes returns about the memory of what the tracker follows.
func (t *Tracker) Bytes() int {
	return len(t.victims)*victimBytes + t.tracks*trackBytes + len(t.cut.ports)*portBytes + cutBytes
}

const portBytes = 96 // of an interface that the cut knows

// MaxPorts is how many interfaces the cut knows at most.
const MaxPorts = maxPorts

// TableLimit returns what each table takes.
func (c *Config) TableLimit() int {
	return (buckets(c.Hosts)+buckets(c.Hosts/2))*ways*placeBytes + fixedBytes + batches*batchBytes
}

// TrackerLimit returns what the tracker takes at most.
func (c *Config) TrackerLimit() int {
	return c.Victims*(mostOfKey+tracksPerVictim*trackBytes) + maxPorts*portBytes + cutBytes
}

package sflow

// FormatOVSDPStats is counter record 0:2207.
const FormatOVSDPStats Format = 2207

// OVSDPStats is an ovs_dp_stats (counter record 0:2207): the flow cache of one
// Open vSwitch datapath. A packet that misses goes to user space; a lost one
// never arrives there.
type OVSDPStats struct {
	Hits     Counter32 `json:"hits"`      // packets
	Misses   Counter32 `json:"misses"`    // packets
	Lost     Counter32 `json:"lost"`      // packets
	MaskHits Counter32 `json:"mask_hits"` // masks tried for all packets together
	Flows    uint32    `json:"flows"`     // in the cache now
	Masks    uint32    `json:"masks"`     // in the cache now
}

const ovsDPStatsLen = 24

// Decode reads the record; bytes after the known fields are ignored.
func (c *OVSDPStats) Decode(r Record) error {
	*c = OVSDPStats{}
	if r.Format != FormatOVSDPStats {
		return ErrFormat
	}
	if len(r.Body) < ovsDPStatsLen {
		return ErrTruncated
	}
	b := r.Body[:ovsDPStatsLen]
	c.Hits = Counter32(be.Uint32(b))
	c.Misses = Counter32(be.Uint32(b[4:]))
	c.Lost = Counter32(be.Uint32(b[8:]))
	c.MaskHits = Counter32(be.Uint32(b[12:]))
	c.Flows = be.Uint32(b[16:])
	c.Masks = be.Uint32(b[20:])
	return nil
}

// Append appends the record with its format and length.
func (c *OVSDPStats) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatOVSDPStats)
	b = be.AppendUint32(b, uint32(c.Hits))
	b = be.AppendUint32(b, uint32(c.Misses))
	b = be.AppendUint32(b, uint32(c.Lost))
	b = be.AppendUint32(b, uint32(c.MaskHits))
	b = be.AppendUint32(b, c.Flows)
	b = be.AppendUint32(b, c.Masks)
	return endRecord(b, at)
}

package web

// InfluxStatus is what has become of the points of time series.
type InfluxStatus struct {
	URL      string `json:"url"`
	Failing  string `json:"failing,omitempty"`     // why nothing is written now
	NoSpool  string `json:"spool_error,omitempty"` // why nothing is spooled
	Accepted uint64 `json:"accepted"`              // points taken in
	Sent     uint64 `json:"sent"`                  // taken by the server
	Rejected uint64 `json:"rejected"`              // refused by the server for good, in the dead-letter file
	Refused  uint64 `json:"refused"`               // of series beyond the bound, not taken in
	Dropped  uint64 `json:"dropped"`               // for want of room in memory and on disk
	Gap      uint64 `json:"gap"`                   // lost with the process before this one
	Skipped  uint64 `json:"skipped"`               // made faster than they were taken in
	Corrupt  uint64 `json:"corrupt_octets"`        // of the spool that could not be read
	Retries  uint64 `json:"retries"`

	MemoryPoints  int     `json:"memory_points"`
	MemoryOctets  int     `json:"memory_octets"`
	SpoolPoints   int64   `json:"spool_points"`
	SpoolOctets   int64   `json:"spool_octets"`
	OldestSeconds float64 `json:"oldest_seconds"` // age of the oldest in the spool
	Series        int     `json:"series"`
}

var (
	mInfluxPoints  = counter("influx_points_total", "Points of time series, by what became of them.", "result")
	mInfluxWaiting = gauge("influx_waiting_points", "Points that wait, in memory and in the spool.", "where")
	mInfluxOctets  = gauge("influx_waiting_octets", "Octets that wait, in memory and in the spool.", "where")
	mInfluxOldest  = gauge("influx_spool_oldest_seconds", "Age of the oldest point in the spool.")
	mInfluxRetries = counter("influx_retries_total", "Attempts at a server that had failed.")
	mInfluxSeries  = gauge("influx_series", "Series written.")
	mInfluxFailing = gauge("influx_failing", "1 while the server takes no points.")
	mInfluxCorrupt = counter("influx_spool_corrupt_octets_total", "Octets of the spool that could not be read.")
)

var influxMetrics = []metric{
	mInfluxPoints, mInfluxWaiting, mInfluxOctets, mInfluxOldest, mInfluxRetries, mInfluxSeries, mInfluxFailing, mInfluxCorrupt,
}

// collectInflux is Collect for time series; s is nil where none are written.
func collectInflux(s *InfluxStatus, out func(metric, float64, ...string)) {
	if s == nil {
		return
	}
	for _, c := range []Count{
		{Key: "accepted", Count: s.Accepted}, {Key: "sent", Count: s.Sent}, {Key: "rejected", Count: s.Rejected},
		{Key: "refused", Count: s.Refused}, {Key: "dropped", Count: s.Dropped}, {Key: "gap", Count: s.Gap}, {Key: "skipped", Count: s.Skipped},
	} {
		out(mInfluxPoints, float64(c.Count), c.Key)
	}
	out(mInfluxWaiting, float64(s.MemoryPoints), "memory")
	out(mInfluxWaiting, float64(s.SpoolPoints), "spool")
	out(mInfluxOctets, float64(s.MemoryOctets), "memory")
	out(mInfluxOctets, float64(s.SpoolOctets), "spool")
	out(mInfluxOldest, s.OldestSeconds)
	out(mInfluxRetries, float64(s.Retries))
	out(mInfluxSeries, float64(s.Series))
	out(mInfluxCorrupt, float64(s.Corrupt))
	failing := 0.0
	if s.Failing != "" {
		failing = 1
	}
	out(mInfluxFailing, failing)
}

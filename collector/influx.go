package collector

import (
	"context"
	"path/filepath"
	"strings"

	"weir/collector/config"
	"weir/collector/series"
	"weir/collector/sink/influx"
	"weir/collector/web"
)

// influxOut writes points to InfluxDB. All methods may be called on nil, which
// does nothing.
type influxOut struct {
	app  *app
	cfg  config.Influx
	sink *influx.Sink
}

// SpoolDir is where points wait for InfluxDB.
func SpoolDir(cfg *config.Config) string { return filepath.Join(cfg.StateDir, "influx") }

// newInflux returns what writes to InfluxDB, nil where nothing is configured.
func newInflux(a *app) *influxOut {
	cfg := a.cfg.Influx
	if cfg.URL == "" {
		return nil
	}
	return &influxOut{app: a, cfg: cfg, sink: influx.New(influx.Config{
		URL: cfg.URL, Token: cfg.Token.Reveal(), Org: cfg.Org, Bucket: cfg.Bucket, Site: a.cfg.Site,
		Series: cfg.Series, Retention: cfg.Retention, Log: a.log,
		Dir: SpoolDir(&a.cfg), Spool: int64(cfg.Spool),
	})}
}

// Write implements pointWriter.
func (o *influxOut) Write(b *series.Batch) { o.sink.Write(b) }

// close sends what there is and ends. It may be called twice.
func (o *influxOut) close() {
	if o == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := o.sink.Close(ctx); err != nil {
		o.app.log.Error().Err(err).Msg("time series are incomplete")
	}
}

// addTo adds the sink to the status.
func (o *influxOut) addTo(s *web.Status) {
	if o == nil {
		return
	}
	st := o.sink.Stats()
	c := web.Component{Name: "influx", Ready: st.Failing == "" || st.SpoolError == "", Detail: st.Failing}
	if st.SpoolError != "" {
		c.Detail = strings.TrimPrefix(c.Detail+"; the spool cannot be used: "+st.SpoolError, "; ")
	}
	s.Components = append(s.Components, c)
	s.Influx = &web.InfluxStatus{
		URL: o.cfg.URL, Failing: st.Failing, NoSpool: st.SpoolError,
		Accepted: st.Accepted, Sent: st.Sent, Rejected: st.Rejected, Refused: st.Refused, Dropped: st.Dropped, Gap: st.Gap,
		Skipped: o.app.points.skipped(), Corrupt: st.Spool.CorruptBytes, Retries: st.Retries,
		MemoryPoints: st.MemoryPoints, MemoryOctets: st.MemoryBytes, SpoolPoints: st.Spool.Points, SpoolOctets: st.Spool.Bytes,
		OldestSeconds: st.SpoolOldest.Seconds(), Series: st.Series,
	}
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "influx_spool_bytes", Used: int(st.Spool.Bytes), Limit: int(o.cfg.Spool), Refused: st.Dropped},
		web.Bound{Name: "influx_series", Used: st.Series, Limit: o.cfg.Series, Refused: st.Refused})
}

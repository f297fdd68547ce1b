package web

import (
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metric is one family of our metrics.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("weir_"+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("weir_"+name, help, labels, nil), prometheus.GaugeValue}
}

var (
	mDatagrams     = counter("datagrams_total", "Datagrams received.")
	mOctets        = counter("octets_total", "Octets of the payloads received.")
	mSamples       = counter("samples_total", "Samples decoded, by format.", "format", "name")
	mSkipped       = counter("skipped_records_total", "Flow and counter records not decoded, by format.", "format", "name")
	mErrors        = counter("errors_total", "Datagrams and samples that could not be read, by reason.", "reason")
	mSocketDropped = counter("socket_dropped_total", "Datagrams the kernel dropped at our sockets.")
	mTruncated     = counter("truncated_total", "Datagrams longer than a slot of the receive buffer.")
	mLostDatagrams = counter("lost_datagrams_total", "Datagrams missing in the sequences of the agents.")
	mLostSamples   = counter("lost_samples_total", "Samples missing in the sequences of the data sources.")
	mRefused       = counter("refused_datagrams_total", "Datagrams of agents that are not admitted, by reason.", "reason")
	mDecodeSeconds = counter("decode_seconds_total", "Time the shards spent on datagrams.")
	mAgents        = gauge("agents", "Agents known.")
	mAdmitted      = counter("agents_admitted_total", "Agents admitted since the start.")
	mOrphans       = gauge("orphans", "Ports and domains that belong to nobody, by node; those of nodes left out have an empty node.", "node", "name")
	mAlertsOpen    = gauge("alerts_open", "Alerts that have not ended, by kind.", "kind")
	mAlertChanges  = counter("alert_changes_total", "Changes of alerts, by kind and change.", "kind", "change")
	mSinkQueued    = gauge("sink_queued", "Alert changes waiting for a sink.", "sink")
	mSinkChanges   = counter("sink_changes_total", "Alert changes sent, failed and dropped, by sink.", "sink", "result")
	mSinkFailing   = gauge("sink_failing", "1 while a sink fails, as far as is known.", "sink")
	mBoundUsed     = gauge("bound_used", "Places used of a bound of memory.", "bound")
	mBoundLimit    = gauge("bound_limit", "Places of a bound of memory.", "bound")
	mBoundRefused  = counter("bound_refused_total", "Things refused or dropped at a bound of memory.", "bound")
	mTopLeftOut    = counter("top_left_out_samples_total", "Samples that the keys of a definition were not counted of, by why.", "definition", "reason")
	mDamaged       = counter("history_damaged_files_total", "Files of the history that were damaged and set aside, by what they had.", "part")
	mSeriesNotKept = gauge("history_series_not_kept", "Time series that the history has no place for, as far as is known.")
	mReady         = gauge("ready", "1 where the component is ready.", "component")
	mStart         = gauge("start_time_seconds", "Start of the collector, seconds since the epoch.")
	mBuild         = gauge("build_info", "Always 1.", "version", "goversion")
)

var allMetrics = []metric{
	mDatagrams, mOctets, mSamples, mSkipped, mErrors, mSocketDropped, mTruncated, mLostDatagrams, mLostSamples, mRefused,
	mDecodeSeconds, mAgents, mAdmitted, mOrphans, mAlertsOpen, mAlertChanges, mSinkQueued, mSinkChanges, mSinkFailing,
	mBoundUsed, mBoundLimit, mBoundRefused, mTopLeftOut, mDamaged, mSeriesNotKept, mReady, mStart, mBuild,
}

// metrics is a prometheus.Collector: it holds no numbers of its own and reads
// one Status per scrape.
type metrics struct{ source Source }

// newRegistry returns a registry with our metrics and those of the runtime.
func newRegistry(s Source) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(metrics{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Describe implements prometheus.Collector.
func (metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range slices.Concat(allMetrics, influxMetrics) {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.source.Status()
	out := func(m metric, v float64, labels ...string) {
		metric, err := prometheus.NewConstMetric(m.desc, m.kind, v, labels...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(m.desc, err)
		}
		ch <- metric
	}
	out(mDatagrams, float64(s.Datagrams))
	out(mOctets, float64(s.Octets))
	for _, c := range s.Samples {
		out(mSamples, float64(c.Count), c.Key, c.Name)
	}
	for _, c := range s.SkippedRecords {
		out(mSkipped, float64(c.Count), c.Key, c.Name)
	}
	for _, c := range s.Errors {
		out(mErrors, float64(c.Count), c.Key)
	}
	out(mSocketDropped, float64(s.SocketDropped))
	out(mTruncated, float64(s.Truncated))
	out(mLostDatagrams, float64(s.LostDatagrams))
	out(mLostSamples, float64(s.LostSamples))
	for _, c := range s.Refused {
		out(mRefused, float64(c.Count), c.Key)
	}
	out(mDecodeSeconds, s.DecodeSeconds)
	out(mAgents, float64(s.Agents))
	out(mAdmitted, float64(s.Admitted))
	for _, c := range s.Orphans { // what is no text would spoil all metrics
		out(mOrphans, float64(c.Count), c.Key, strings.ToValidUTF8(c.Name, "\ufffd"))
	}
	for _, c := range s.AlertsOpen {
		out(mAlertsOpen, float64(c.Count), c.Key)
	}
	for _, c := range s.AlertChanges {
		out(mAlertChanges, float64(c.Count), c.Kind, c.Change)
	}
	collectBounds(&s, out)
	collectInflux(s.Influx, out)
	out(mStart, float64(s.Started.UnixMilli())/1e3)
	out(mBuild, 1, s.Version, runtime.Version())
}

// collectBounds is Collect for what has a limit.
func collectBounds(s *Status, out func(metric, float64, ...string)) {
	for _, c := range s.Sinks {
		out(mSinkQueued, float64(c.Queued), c.Name)
		out(mSinkFailing, map[bool]float64{true: 1}[c.Failing], c.Name)
		out(mSinkChanges, float64(c.Sent), c.Name, "sent")
		out(mSinkChanges, float64(c.Failed), c.Name, "failed")
		out(mSinkChanges, float64(c.Dropped), c.Name, "dropped")
	}
	for _, b := range s.Bounds {
		out(mBoundUsed, float64(b.Used), b.Name)
		out(mBoundLimit, float64(b.Limit), b.Name)
		out(mBoundRefused, float64(b.Refused), b.Name)
	}
	for _, c := range s.TopLeftOut {
		out(mTopLeftOut, float64(c.Count), c.Key, c.Name)
	}
	out(mSeriesNotKept, float64(s.SeriesNotKept))
	for _, c := range s.DamagedFiles {
		out(mDamaged, float64(c.Count), c.Key)
	}
	for _, c := range s.Components {
		ready := 0.0
		if c.Ready {
			ready = 1
		}
		out(mReady, ready, c.Name)
	}
}

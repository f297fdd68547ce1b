package series

var collectorTags = []string{"collector"}

// Weir is the collector's own figures.
var Weir = &Class{
	Name: "weir", Tags: collectorTags, Help: "the collector itself",
	Fields: fields(
		counters(Count, "datagrams"), counters(Bytes, "octets"), gauges(DatagramsPerSec, "datagrams_per_second"),
		counters(Count, "flow_samples", "counter_samples", "discard_samples", "errors", "socket_dropped", "truncated",
			"lost_datagrams", "lost_samples", "refused", "skipped_records"),
		gauges(Percent, "loss_percent"), counters(Seconds, "decode_seconds"), gauges(Count, "agents", "interfaces", "alerts_open"),
		gauges(Bytes, "memory_bytes"), counters(Seconds, "cpu_seconds"), gauges(Count, "goroutines"), gauges(Seconds, "uptime_seconds"),
		gauges(Flag, "ready"), counters(Count, "series_dropped"),
	),
}

// WeirSink is one way out of the collector.
var WeirSink = &Class{
	Name: "weir_sink", Tags: []string{"collector", "sink"}, Help: "a way out of the collector; of the influx sink, points",
	Fields: fields(gauges(Count, "queued", "limit"), counters(Count, "sent", "failed", "dropped", "rejected", "refused", "retries"),
		gauges(Bytes, "memory_bytes", "spool_bytes"), gauges(Count, "spool_points", "series"), gauges(Seconds, "spool_oldest_seconds"), gauges(Flag, "healthy")),
}

// WeirBound is one bound of memory.
var WeirBound = &Class{
	Name: "weir_bound", Tags: []string{"collector", "bound"}, Help: "a bound of memory and its use",
	Fields: fields(gauges(Count, "used", "limit"), counters(Count, "refused")),
}

// WeirSkipped is records that the collector does not decode.
var WeirSkipped = &Class{
	Name: "weir_skipped", Tags: []string{"collector", "record", "name"}, Help: "records not decoded, by format",
	Fields: counters(Count, "count"),
}

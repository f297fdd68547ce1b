// Package web shows a running collector: metrics and health over HTTP, and
// status, agents and the heaviest keys over the local control socket. It reads what a Source
// gives it, and hands on what people want changed.
//
// # The API
//
// A Route says who may ask, what the audit log calls it, and what it answers; the
// same table is served over HTTP and the control socket. To add one, return it
// from the Source's Routes: the tests of package collector then want its least
// role, an answer that fits its type, and the document written anew. Rooms below:
// access says who asks, audit keeps what was asked.
//
// # Page
//
// The folder page is the operator's page. Its modules are TypeScript, in page/src;
// `make page` builds page/app.js of them, which is committed and served with
// index.html and style.css, so that nobody needs more than Go to build weir. app.ts
// chooses a view by the address's fragment and keeps one stream of live data; each
// view (view.ts) is a module that makes its parts, is told of live data, and is
// ended. ask.ts asks the API, whose types api.ts has from its document. dom.ts has
// what all are made of: text from the network is only ever set as text, and nothing
// reads markup. Tests look at every view in a browser, with a script in every name,
// and hold its size and its time; `make lint` checks types, and that app.js is what
// the sources give.
//
// # Metrics
//
// GET /metrics is in Prometheus's text format. Losses are counted where they
// happen and never mixed:
//
//	weir_datagrams_total                  datagrams received
//	weir_octets_total                     octets of their payloads
//	weir_samples_total{format,name}       samples decoded
//	weir_skipped_records_total{format,name}  records of formats that are not decoded
//	weir_errors_total{reason}             datagrams and samples that could not be read
//	weir_socket_dropped_total             datagrams the kernel dropped at our sockets
//	weir_truncated_total                  datagrams longer than the receive buffer's slots
//	weir_lost_datagrams_total             datagrams missing in the agents' sequences
//	weir_lost_samples_total               samples missing in the data sources' sequences
//	weir_refused_datagrams_total{reason}  datagrams of agents that are not admitted
//	weir_decode_seconds_total             time the shards spent on datagrams
//	weir_agents                           agents known
//	weir_agents_admitted_total            agents admitted since the start
//	weir_orphans{node,name}               ports and domains that belong to nobody
//	weir_alerts_open{kind}                alerts that have not ended
//	weir_alert_changes_total{kind,change} changes of alerts
//	weir_sink_queued{sink}                changes waiting for a sink
//	weir_sink_changes_total{sink,result}  changes sent, failed and dropped
//	weir_sink_failing{sink}               1 while the sink fails
//	weir_bound_used{bound}                places used of a bound of memory
//	weir_bound_limit{bound}               places there are
//	weir_bound_refused_total{bound}       things refused or dropped at the bound
//	weir_top_left_out_samples_total{definition,reason}  samples that a key was not counted of:
//	                                      again (their packet was counted where it entered), missing, late
//	weir_history_series_not_kept     time series that history has no place for
//	weir_history_damaged_files_total{part}  files of the history set aside, being damaged
//	weir_ready{component}                 1 where the component is ready
//	weir_start_time_seconds               start, as seconds since the epoch
//	weir_build_info{version,goversion}    always 1
//
// with go_* and process_* of the runtime.
package web

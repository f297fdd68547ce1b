package collector

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"weir/collector/agents"
	"weir/collector/shard"
	"weir/collector/web"
	"weir/decoder"
	"weir/decoder/sflow"
	"weir/detect"
	"weir/detect/rules"
)

// rate keeps the datagrams of the last seconds.
type rate struct {
	at    [rateSpan]time.Time
	count [rateSpan]uint64
	n     int // entries ever added
}

// rateSpan is how many seconds a rate is averaged over.
const rateSpan = 5

func (r *rate) add(now time.Time, count uint64) {
	r.at[r.n%rateSpan], r.count[r.n%rateSpan] = now, count
	r.n++
}

func (r *rate) perSecond() float64 {
	if r.n < 2 {
		return 0
	}
	last, first := (r.n-1)%rateSpan, max(r.n-rateSpan, 0)%rateSpan
	d := r.at[last].Sub(r.at[first]).Seconds()
	if d <= 0 {
		return 0
	}
	return float64(r.count[last]-r.count[first]) / d
}

// Agents implements web.Source.
func (a *app) Agents() []*agents.AgentInfo {
	if !a.ready.Load() {
		return nil
	}
	return a.shared.Agents()
}

// Status implements web.Source.
func (a *app) Status() web.Status {
	s := web.Status{
		Version: a.io.Version, PID: os.Getpid(), At: time.Now(), Started: a.started,
		Components: []web.Component{{Name: "intake"}},
	}
	if !a.ready.Load() {
		s.Components[0].Detail = "starting"
		return s
	}
	at := a.addresses()
	s.Listen, s.HTTP = at.SFlow, at.HTTP
	s.Components = []web.Component{
		{Name: "intake", Ready: true, Detail: a.group.Advice()},
		{Name: "detection", Ready: true},
		a.stateComponent(),
		a.naming.component(),
	}
	u := a.group.Stats()
	s.Datagrams, s.Octets, s.SocketDropped, s.Truncated = u.Datagrams, u.Octets, u.SocketDropped, u.Truncated
	a.rateMu.Lock()
	s.DatagramsPerSecond = a.rate.perSecond()
	a.rateMu.Unlock()
	a.addShards(&s)
	a.addAgents(&s)
	a.addAlerts(&s)
	a.addDetectors(&s)
	a.addTops(&s)
	a.addForward(&s)
	a.alerting.addTo(&s)
	a.history.addTo(&s)
	a.evidence.addTo(&s)
	a.alertHistory.addTo(&s)
	a.site.addTo(&s)
	a.influx.addTo(&s)
	a.door.addTo(&s)
	a.kept.addTo(&s)
	return s
}

func (a *app) stateComponent() web.Component {
	c := web.Component{Name: "state", Ready: true}
	if err := a.saveErr.Load(); err != nil {
		c.Ready, c.Detail = false, strings.ReplaceAll((*err).Error(), "\n", "; ")
	}
	return c
}

// sampleFormats are the keys of decoder.Kind as a format.
var sampleFormats = [decoder.NumKinds]string{"0:1", "0:2", "0:3", "0:4", "0:5", "4300:1002", "other"}

// addShards adds what the shards have counted.
func (a *app) addShards(s *web.Status) {
	var kinds [decoder.NumKinds]uint64
	var errs [sflow.NumReasons]uint64
	other := map[sflow.Format]uint64{}
	flows := map[sflow.Format]uint64{}
	var rest uint64
	var busy time.Duration
	for _, sh := range a.shards {
		var snap shard.Snapshot
		sh.Snapshot(&snap)
		busy += snap.Busy
		for k, n := range snap.Decoder.Samples {
			kinds[k] += n
		}
		for r := range errs {
			errs[r] += snap.Decoder.DatagramErrors[r] + snap.Decoder.SampleErrors[r]
		}
		for f, n := range snap.Decoder.OtherSamples.Each {
			other[f] += n
		}
		for f, n := range snap.Decoder.FlowRecords.Each {
			flows[f] += n
		}
		rest += snap.Decoder.OtherSamples.Rest + snap.Decoder.FlowRecords.Rest + snap.Decoder.CounterRecords.Rest
		addFormats(s, &snap.Decoder.CounterRecords)
	}
	s.DecodeSeconds = busy.Seconds()
	for k, n := range kinds {
		if n > 0 && decoder.Kind(k) != decoder.KindOther {
			s.Samples = append(s.Samples, web.Count{Key: sampleFormats[k], Name: decoder.Kind(k).String(), Count: n})
		}
	}
	for f, n := range other {
		s.Samples = append(s.Samples, web.Count{Key: f.String(), Name: sflow.SampleName(f), Count: n})
	}
	for f, n := range flows {
		s.SkippedRecords = append(s.SkippedRecords, web.Count{Key: "flow " + f.String(), Name: sflow.FlowRecordName(f), Count: n})
	}
	if rest > 0 {
		s.SkippedRecords = append(s.SkippedRecords, web.Count{Key: "rest", Name: "too many formats to tell apart", Count: rest})
	}
	for r, n := range errs {
		if n > 0 {
			s.Errors = append(s.Errors, web.Count{Key: sflow.Reason(r).Error(), Count: n})
		}
	}
	byKey(s.Samples)
	byKey(s.SkippedRecords)
}

// addFormats adds the counter records that nobody reads.
func addFormats(s *web.Status, t *decoder.Tally) {
	for f, n := range t.Each {
		if sflow.NewCounterRecord(f) != nil {
			continue
		}
		key := "counter " + f.String()
		i := slices.IndexFunc(s.SkippedRecords, func(c web.Count) bool { return c.Key == key })
		if i < 0 {
			i = len(s.SkippedRecords)
			s.SkippedRecords = append(s.SkippedRecords, web.Count{Key: key, Name: sflow.CounterRecordName(f)})
		}
		s.SkippedRecords[i].Count += n
	}
}

func byKey(c []web.Count) {
	slices.SortFunc(c, func(a, b web.Count) int { return cmp.Compare(a.Key, b.Key) })
}

// addAgents adds what the registry has counted, and its bounds.
func (a *app) addAgents(s *web.Status) {
	t := a.shared.Totals()
	s.LostDatagrams = t.LostDatagrams
	s.LostSamples = t.LostFlowSamples + t.LostCounterSamples + t.LostDiscardSamples
	if sum := t.Datagrams + t.LostDatagrams; sum > 0 {
		s.LossPercent = 100 * float64(t.LostDatagrams) / float64(sum)
	}
	for _, c := range []web.Count{{Key: "allow", Count: t.RefusedAllow}, {Key: "admission_rate", Count: t.RefusedRate}, {Key: "agents_full", Count: t.RefusedFull}} {
		if c.Count > 0 {
			s.Refused = append(s.Refused, c)
		}
	}
	s.Agents, s.Admitted = t.Agents, t.Admitted
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "agents", Used: t.Agents, Limit: t.MaxAgents, Refused: t.RefusedFull},
		web.Bound{Name: "interfaces", Used: t.Interfaces, Limit: t.MaxInterfaces, Refused: t.RefusedInterfaces},
		web.Bound{Name: "data_sources", Used: t.Sources, Limit: t.MaxSources, Refused: t.RefusedSources},
	)
}

// addAlerts adds what the detectors and the sinks have counted.
func (a *app) addAlerts(s *web.Status) {
	var keys, maxKeys int
	var evicted uint64
	var rule rules.TableStats
	for _, d := range a.detect {
		st := d.Stats()
		keys, maxKeys, evicted = keys+st.Keys, maxKeys+st.MaxKeys, evicted+st.Evicted
		rule.Keys, rule.MaxKeys, rule.Evicted = rule.Keys+st.Rules.Keys, rule.MaxKeys+st.Rules.MaxKeys, rule.Evicted+st.Rules.Evicted
		rule.Entities, rule.MaxEntities = rule.Entities+st.Rules.Entities, rule.MaxEntities+st.Rules.MaxEntities
		rule.RefusedEntities, rule.Crowded = rule.RefusedEntities+st.Rules.RefusedEntities, rule.Crowded+st.Rules.Crowded
		rule.Bytes += st.Rules.Bytes
	}
	a.engineMu.Lock()
	defer a.engineMu.Unlock()
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "keys", Used: keys, Limit: maxKeys, Refused: evicted},
		web.Bound{Name: "hot_flows", Used: a.stats.Hot, Limit: a.stats.MaxHot, Refused: a.stats.DroppedFlows + a.stats.DroppedPoints},
	)
	if rule.MaxKeys > 0 {
		s.Bounds = append(s.Bounds,
			web.Bound{Name: "rule_keys", Used: rule.Keys, Limit: rule.MaxKeys, Refused: rule.Evicted},
			web.Bound{Name: "rule_bytes", Used: rule.Bytes, Limit: rule.Bytes}, // taken when the rules are read
		)
	}
	if rule.MaxEntities > 0 {
		s.Bounds = append(s.Bounds, web.Bound{Name: "rule_entities", Used: rule.Entities, Limit: rule.MaxEntities, Refused: rule.RefusedEntities})
	}
	if rule.MaxKeys+rule.MaxEntities > 0 {
		s.Bounds = append(s.Bounds, web.Bound{Name: "rule_alerts", Used: a.stats.RuleAlerts, Limit: rules.MaxOpen, Refused: a.stats.DroppedRules + rule.Crowded})
	}
	for k, n := range a.open {
		s.AlertsOpen = append(s.AlertsOpen, web.Count{Key: string(k), Count: n})
	}
	if len(a.open) == 0 {
		s.AlertsOpen = []web.Count{{Key: string(detect.LargeFlow)}}
	}
	for k, n := range a.changes {
		k.Count = n
		s.AlertChanges = append(s.AlertChanges, k)
	}
	slices.SortFunc(s.AlertChanges, func(x, y web.AlertChange) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Change, y.Change))
	})
	q := a.alerts.Stats()
	s.Sinks = append(s.Sinks, web.SinkCount{Name: q.Name, Queued: q.Queued, Limit: q.Limit, Sent: q.Sent, Failed: q.Failed, Dropped: q.Dropped})
	s.Bounds = append(s.Bounds, web.Bound{Name: fmt.Sprintf("sink_%s", q.Name), Used: q.Queued, Limit: q.Limit, Refused: q.Dropped})
}

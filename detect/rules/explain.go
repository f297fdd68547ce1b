package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"weir/detect/largeflow"
)

// Sampling is a sampling rate in use, and the speed of the links it is used on.
type Sampling struct {
	Rate  uint32 // packets per sample
	Speed uint64 // bit/s; 0 is Rate × 1 Mbit/s
}

// DefaultSampling is the common advice, one packet in speed/1 Mbit/s.
var DefaultSampling = []Sampling{{1000, 1e9}, {10_000, 10e9}, {100_000, 100e9}}

func (s Sampling) speed() float64 {
	if s.Speed > 0 {
		return float64(s.Speed)
	}
	return float64(s.Rate) * 1e6
}

// meanFrame is the frame length that delays are told for, in octets.
const meanFrame = 1000

// packets returns the packets per second that a threshold stands for; 0 for a
// distinct count.
func (r *Rule) packets(t Threshold, s Sampling) float64 {
	switch {
	case r.value.Unit == Packets:
		return t.Number
	case r.value.Unit == Distinct:
		return 0
	case t.Share:
		return t.Number * s.speed() / 8 / meanFrame
	}
	return t.Number / 8 / meanFrame
}

// Needs returns how long twelve samples take at the threshold; 0 for a distinct
// count, which goes by the number of samples alone.
func (r *Rule) Needs(t Threshold, s Sampling) time.Duration {
	pps := r.packets(t, s)
	if pps == 0 {
		return 0
	}
	return seconds(minSamples * float64(s.Rate) / pps)
}

func seconds(v float64) time.Duration {
	return time.Duration(min(v, float64(math.MaxInt64/2)/1e9) * 1e9)
}

// Delay returns after how long traffic of so many times the threshold is
// suspected: the window's mean must reach the threshold, and twelve samples be
// there. ok is false where that never happens.
func (r *Rule) Delay(times float64, s Sampling) (d time.Duration, ok bool) {
	need := seconds(r.Needs(r.threshold, s).Seconds() / times)
	if need > r.window {
		return 0, false
	}
	return max(need, seconds(r.window.Seconds()/times)), true
}

// Explain says in one sentence what the rule does and when it speaks.
func (r *Rule) Explain(rates []Sampling) string {
	var b strings.Builder
	if r.Off {
		b.WriteString("off: would raise a ")
	} else {
		b.WriteString("raises a ")
	}
	article := r.Severity + " alert when "
	if r.Severity == "info" {
		article = "n " + article
		return strings.TrimSuffix(b.String(), " ") + article + r.condition(rates)
	}
	return b.String() + article + r.condition(rates)
}

func (r *Rule) condition(rates []Sampling) string {
	if r.watch != nil {
		return r.watch.explain()
	}
	what := map[Unit]string{Bits: "the bit rate", Packets: "the packet rate"}[r.value.Unit]
	if r.value.Unit == Distinct {
		what = "the number of different " + r.value.Field.String()
	}
	s := what + " of one " + strings.ReplaceAll(r.key.Key(), ",", " and ")
	if !r.filter.All() {
		s += " (only " + r.filter.String() + ")"
	}
	s += " reaches " + r.value.Text(r.threshold)
	if r.threshold.Share {
		s += " of the link"
	}
	s += " over " + short(r.window)
	switch {
	case r.cut:
		s += ", each packet where it enters"
	case r.sum:
		s += ", all agents summed"
	}
	for _, g := range r.groups {
		s += fmt.Sprintf(", in group %s %s", g.name, r.value.Text(g.threshold))
	}
	if len(r.never) > 0 {
		s += fmt.Sprintf(", never for %d networks", len(r.never))
	}
	return s + r.delays(rates)
}

// delays tells the delay at twice the threshold.
func (r *Rule) delays(rates []Sampling) string {
	if r.value.Unit == Distinct {
		return fmt.Sprintf("; it takes at least %s samples of the key", trim(math.Ceil(r.threshold.Number)))
	}
	var after, never []string
	for _, s := range rates {
		at := "at 1:" + strconv.Itoa(int(s.Rate))
		if d, ok := r.Delay(2, s); ok {
			after = append(after, "about "+short(d)+" "+at)
		} else {
			never = append(never, at)
		}
	}
	switch told := "; traffic of twice that is told after " + strings.Join(after, ", "); {
	case len(rates) == 0:
		return ""
	case len(never) == 0:
		return told
	case len(after) == 0:
		return "; traffic of twice that is not told " + strings.Join(never, " and ")
	default:
		return told + ", not " + strings.Join(never, " and ")
	}
}

// short writes a time with two digits.
func short(d time.Duration) string {
	s := d.Seconds()
	switch {
	case s >= 120:
		return trim(math.Round(s/6)/10) + " min"
	case s >= 10:
		return trim(math.Round(s)) + " s"
	case s >= 1:
		return trim(math.Round(s*10)/10) + " s"
	}
	return trim(math.Round(s*100)/100) + " s"
}

var signWords = map[string]string{">": "more than", ">=": "at least", "<": "less than", "<=": "at most"}

func (w *watch) explain() string {
	s := w.name()
	switch w.test {
	case absent:
		s += " has been silent for " + short(w.hold) + ", after it was heard once"
	case rate:
		s += " changes by " + signWords[w.sign] + " " + strconv.FormatFloat(w.limit, 'g', -1, 64) + " a second"
	default:
		s += " is " + signWords[w.sign] + " " + strconv.FormatFloat(w.limit, 'g', -1, 64)
	}
	if w.test != absent && w.hold > 0 {
		s += " for " + short(w.hold)
	}
	if len(w.interfaces) > 0 {
		s += ", on interfaces " + strings.Join(w.interfaces, ", ")
	}
	if len(w.agentNames) > 0 {
		s += ", of agents named " + strings.Join(w.agentNames, ", ")
	}
	if len(w.agents) > 0 {
		s += fmt.Sprintf(", of agents in %v", w.agents)
	}
	switch w.test {
	case absent:
		return s
	case rate:
		return s + "; told with the second export after the change, agents export every 20 to 30 s"
	}
	return s + "; told with the next export, agents export every 20 to 30 s"
}

// Warnings returns what a rule cannot do at the sampling rates in use.
func (r *Rule) Warnings(rates []Sampling) (out []string) {
	if r.watch != nil || r.Off {
		return nil
	}
	limits := append([]group{{"", r.threshold}}, r.groups...)
	for _, g := range limits {
		name := ""
		if g.name != "" {
			name = " of group " + g.name
		}
		for _, s := range rates {
			if w := r.warn(g.threshold, s); w != "" {
				out = append(out, r.value.Text(g.threshold)+name+" at 1:"+strconv.Itoa(int(s.Rate))+" "+w)
			}
		}
	}
	return out
}

func (r *Rule) warn(t Threshold, s Sampling) string {
	if r.value.Unit == Distinct {
		pps := t.Number * float64(s.Rate) / r.window.Seconds()
		if pps < 10_000 {
			return ""
		}
		return fmt.Sprintf("needs %s samples of one key within %s: a key with less than %spps cannot show them", trim(math.Ceil(t.Number)), short(r.window), Magnitude(round2(pps)))
	}
	need := r.Needs(t, s)
	if need <= r.window {
		return ""
	}
	met := minSamples * float64(s.Rate) / r.window.Seconds()
	from := Magnitude(round2(met)) + "pps"
	if r.value.Unit == Bits {
		from = largeflow.BitRate(round2(met * 8 * meanFrame))
	}
	fix := "a window of " + need.Round(time.Second).String() + " or "
	if need > maxWindow {
		fix = ""
	}
	return fmt.Sprintf("needs about %s of samples, and the window is %s: alerts come only from %s; set %sa threshold of that", short(need), short(r.window), from, fix)
}

func round2(v float64) float64 { return Round(v, 2) }

// Round keeps so many digits of a number.
func Round(v float64, digits int) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	p := math.Pow(10, float64(digits-1)-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*p) / p
}

// Overlaps returns which earlier rules count the same traffic by the same key
// as another, as pairs of their indexes.
func Overlaps(all []Rule) (pairs [][2]int) {
	for i := range all {
		for j := range i {
			if all[i].overlaps(&all[j]) {
				pairs = append(pairs, [2]int{j, i})
			}
		}
	}
	return pairs
}

func (r *Rule) overlaps(o *Rule) bool {
	if r.Off || o.Off || r.watch != nil || o.watch != nil {
		return r.watch != nil && o.watch != nil && !r.Off && !o.Off && r.watch.String() == o.watch.String() &&
			len(r.watch.agents)+len(o.watch.agents)+len(r.watch.agentNames)+len(o.watch.agentNames)+len(r.watch.interfaces)+len(o.watch.interfaces) == 0
	}
	if r.key.Key() != o.key.Key() || r.value != o.value || r.threshold.Share != o.threshold.Share {
		return false
	}
	both := Filter{root: &node{op: opAnd, kids: []*node{r.filter.root, o.filter.root}}}
	return !both.Never()
}

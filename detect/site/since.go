package site

import "time"

// since fills in when what a finding tells was last seen to be well, where its judge
// does not say: from the fact that it was found by, or from those it rests on.
func (s *Site) since(f *finding) {
	for i := range f.facts {
		x := &f.facts[i]
		at, last := time.Time(x.At), time.Time(x.LastGood)
		if last.IsZero() && s.before != 0 && at.UnixNano() > s.before && at.UnixNano() <= s.now+second && x.Before != "" {
			x.LastGood = when(s.before)
		}
		if last = time.Time(x.LastGood); f.good == 0 && !last.IsZero() && last.UnixNano() <= f.onset {
			f.good = last.UnixNano()
		}
	}
	if f.good == 0 && s.before != 0 && s.before < f.onset {
		f.good = s.before
	}
}

package site

import (
	"time"

	"weir/detect"
)

// Bounds of the names of alerts that are remembered.
const (
	maxCalled = 65536
	calledFor = 3600 // s
)

// called gives an alert that begins its key and its id, which is made of the second of
// its onset. Two alerts about one subject never have the same: the later one then has
// the next second, or it would be taken for the one that has ended.
func (s *Site) called(a *detect.Alert, onset int64) {
	a.Identify(time.Unix(0, onset))
	sec := onset / second
	if last, ok := s.names[a.Key]; ok && sec <= last {
		sec = last + 1
		a.Identify(time.Unix(sec, 0))
	}
	if len(s.names) >= maxCalled {
		for k, last := range s.names {
			if last < s.now/second-calledFor {
				delete(s.names, k)
			}
		}
	}
	if _, ok := s.names[a.Key]; ok || len(s.names) < maxCalled {
		s.names[a.Key] = sec
	}
}

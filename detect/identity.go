package detect

import (
	"strconv"
	"strings"
	"time"
)

// Identify fills in Key and ID of an alert that is made outside the detectors,
// from its Kind, its Subject and the time it began.
func (a *Alert) Identify(onset time.Time) { a.identify(onset.UnixNano()) }

// Onset is when the condition began, to the second; the zero time where the ID
// does not say.
func (a *Alert) Onset() time.Time {
	_, seconds, ok := strings.Cut(a.ID, "-")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if !ok || err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

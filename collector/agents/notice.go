package agents

import (
	"net/netip"
	"time"
)

// NoticeKind says what a Notice is about.
type NoticeKind string

// The kinds.
const (
	NoticeSharedSource NoticeKind = "shared_source"  // several agents behind one source address; once per source
	NoticeContested    NoticeKind = "contested"      // one agent address claimed from several sources; once per address
	NoticeMoved        NoticeKind = "moved"          // an agent speaks from another source address
	NoticeRestarted    NoticeKind = "restarted"      // an agent's uptime or sequence began anew; at most once a minute per agent
	NoticeFull         NoticeKind = "agents_full"    // the table of agents is full; once until it is not
	NoticeFlood        NoticeKind = "admission_rate" // more unknown agents than admitted; at most once a minute
)

// Notice is something an operator should know, for the log.
type Notice struct {
	At     time.Time
	Kind   NoticeKind
	Agent  netip.Addr // zero where it is about none
	Source netip.Addr
	Agents []netip.Addr // some of those behind the source, at most 8; not changed any more
	Count  int          // agents behind the source, sources of the address
	Text   string       // constant per kind, lower case
}

var noticeText = map[NoticeKind]string{
	NoticeSharedSource: "many agents behind one source address",
	NoticeContested:    "agent address claimed from several sources",
	NoticeMoved:        "agent moved to another source address",
	NoticeRestarted:    "agent restarted",
	NoticeFull:         "table of agents is full, new agents are refused",
	NoticeFlood:        "unknown agents arrive faster than they are admitted",
}

// notify queues n without waiting.
func (sh *Shared) notify(n Notice) {
	n.Text = noticeText[n.Kind]
	select {
	case sh.notices <- n:
	default:
		sh.noticesDropped.Add(1)
	}
}

// Notices returns the queue of notices. What nobody reads is dropped and counted.
func (sh *Shared) Notices() <-chan Notice { return sh.notices }

package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"weir/collector/web/access"
)

// EventSource is a Source whose alerts can be listened to.
type EventSource interface {
	// Listen returns changes as they come, how many were lost since that was
	// last asked because they were not taken, and what ends it.
	Listen() (changes <-chan *AlertView, lost func() uint64, end func())
}

// aliveEvery is how often a silent stream says that it lives.
const aliveEvery = 15 * time.Second

// eventRoute tells the changes of alerts as they come.
func eventRoute(s EventSource) Route {
	room := make(chan struct{}, maxLive)
	return Route{
		Method: "GET", Path: "/api/v1/events", Needs: access.Scoped, Type: "text/event-stream", Answer: AlertView{},
		Summary: "Server-sent events: each change of an alert as it comes, as event alert; event lost tells how many were not taken in time.",
		Serve: func(w http.ResponseWriter, r *http.Request) {
			select {
			case room <- struct{}{}:
				defer func() { <-room }()
			default:
				refuse(w, NewProblem(http.StatusTooManyRequests, "too many listen"))
				return
			}
			changes, lost, end := s.Listen()
			defer end()
			tellEvents(newStream(w), r, changes, lost)
		},
	}
}

func tellEvents(out *stream, r *http.Request, changes <-chan *AlertView, lost func() uint64) {
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	if out.say(": weir\n\n") != nil {
		return
	}
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			err = out.say(": alive\n\n")
		case v := <-changes:
			for _, v := range seen(access.Of(r.Context()), []*AlertView{v}) {
				b, jerr := json.Marshal(v)
				if jerr != nil {
					continue
				}
				if err = out.say(fmt.Sprintf("event: alert\ndata: %s\n\n", b)); err != nil {
					return
				}
			}
		}
		if n := lost(); n > 0 && err == nil && access.Of(r.Context()).Role >= access.Viewer {
			err = out.say(fmt.Sprintf("event: lost\ndata: {\"lost\":%d}\n\n", n))
		}
		if err != nil {
			return
		}
	}
}

// stream is an answer that goes on.
type stream struct {
	w   http.ResponseWriter
	out *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream {
	s := &stream{w, http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	_ = s.out.SetReadDeadline(time.Time{}) // the server's would end it
	return s
}

// say sends text. A client that does not read is let go.
func (s *stream) say(text string) error {
	if err := s.out.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.out.Flush()
}

package collector

import (
	"cmp"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/config"
	"weir/collector/sink"
	"weir/collector/sink/alertmanager"
	"weir/collector/sink/command"
	"weir/collector/sink/mail"
	"weir/collector/sink/message"
	"weir/collector/sink/pagerduty"
	"weir/collector/sink/post"
	"weir/collector/sink/route"
	"weir/collector/sink/slack"
	"weir/collector/sink/syslog"
	"weir/collector/sink/webhook"
	"weir/detect"
)

// Mails of a storm: so many in ten minutes one by one, then what a minute
// brought together.
const (
	mailBurst  = 10
	mailGather = time.Minute
)

// outlet is a sink of the configuration at work.
type outlet struct {
	*sink.Outlet
	cfg config.AlertSink
}

// newWriter returns who writes the messages of all sinks.
func newWriter(cfg *config.Config) *message.Writer {
	return &message.Writer{
		Site: cfg.Site, Zone: cfg.Alerts.Zone.Location(), Runbook: string(cfg.Alerts.Runbook), Link: string(cfg.Alerts.Link),
	}
}

// newOutlets starts the sinks of the configuration. Each must be closed.
func newOutlets(cfg *config.Config, log zerolog.Logger) []*outlet {
	words := newWriter(cfg)
	var all []*outlet
	for _, s := range cfg.Alerts.Sinks {
		opt := sink.Options{Limit: cfg.Limits.SinkQueue, Probe: s.Role == route.Pager, OnError: logSink(log, s.Name)}
		if s.Type == "mail" {
			opt.Burst, opt.Gather = mailBurst, mailGather
		}
		all = append(all, &outlet{sink.NewOutlet(s.Name, newSink(&s, words), opt), s})
	}
	return all
}

// newSink returns the sink of a type that the configuration has checked.
func newSink(s *config.AlertSink, words *message.Writer) sink.Sink {
	client := func() *post.Client {
		return post.New(post.Config{
			URL: cmp.Or(s.URL.Reveal(), pagerduty.URL), Token: s.Token.Reveal(),
			SecretURL: s.Type == "slack" || s.URL.IsSecret() && s.URL.Reveal() != "", // who knows a chat's URL may write there
			User:      s.User, Password: s.Password.Reveal(), TLS: s.Trust,
		})
	}
	switch s.Type {
	case "alertmanager":
		return alertmanager.New(client(), words)
	case "webhook":
		var secret []byte
		if s.Secret.Reveal() != "" {
			secret = []byte(s.Secret.Reveal())
		}
		return webhook.New(client(), words, s.Template, secret)
	case "mail":
		return mail.New(mail.Config{
			Address: s.Address, Security: mail.Security(s.Security), Trust: s.Trust, User: s.User, Password: s.Password.Reveal(),
			From: s.From, To: s.To, Hello: hostName(),
		}, words)
	case "syslog":
		return syslog.New(syslog.Config{Network: s.Network, Address: s.Address, Trust: s.Trust, Facility: s.Facility, Host: hostName()}, words)
	case "slack":
		return slack.New(client(), words)
	case "pagerduty":
		return pagerduty.New(client(), words, s.Key.Reveal())
	}
	return command.New(s.Command, words)
}

// ways are the outlets as the router sees them.
func ways(all []*outlet) []route.Way {
	out := make([]route.Way, len(all))
	for i, o := range all {
		keeps := o.cfg.Type == "alertmanager"
		out[i] = route.Way{
			Name: o.cfg.Name, Role: o.cfg.Role, IDs: o.cfg.Detail == "ids", Keeps: keeps,
			Updates: keeps || o.cfg.Type == "pagerduty" || o.cfg.Type == "webhook", Out: o.Put,
		}
	}
	return out
}

// logSink returns what tells the log of a sink's errors.
func logSink(log zerolog.Logger, name string) func(error, int) {
	return summed(func(err error, errs, lost int) {
		log.Error().Err(err).Str("sink", name).Int("errors", errs).Int("lost_alerts", lost).Msg("alerts could not be sent")
	})
}

// logUnwritten returns what tells the log of alerts that standard output did not
// take.
func logUnwritten(log zerolog.Logger) func(error, int) {
	return summed(func(err error, _, lost int) {
		log.Error().Err(err).Int("alerts", lost).Msg("alerts could not be written")
	})
}

// repeatEvery is how often the log repeats that alerts cannot be told: a full
// disk fails for each of them.
const repeatEvery = time.Minute

// summed returns what takes an error and the number of alerts that it lost: tell
// hears of the first at once, then of what has come together since, at most once
// in repeatEvery. It may be called from several goroutines.
func summed(tell func(err error, errs, lost int)) func(error, int) {
	var mu sync.Mutex
	var last time.Time
	errs, lost := 0, 0
	return func(err error, n int) {
		mu.Lock()
		defer mu.Unlock()
		errs, lost = errs+1, lost+n
		if now := time.Now(); last.IsZero() || now.Sub(last) >= repeatEvery {
			tell(err, errs, lost)
			last, errs, lost = now, 0, 0
		}
	}
}

// told is an alert as the sink with this configuration may be told.
func told(o *outlet, a detect.Alert) detect.Alert {
	if o.cfg.Detail == "ids" {
		return message.Redacted(a)
	}
	return a
}

package influx

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/series"
)

// Config says where to write.
type Config struct {
	URL       string
	Token     string // of 2.x and 3.x; user:password of 1.8; "" none
	Org       string
	Bucket    string // database, or database/retention policy, of 1.x
	Site      string
	Series    int
	Retention time.Duration // of a bucket that is made
	Timeout   time.Duration
	Log       zerolog.Logger
}

// Sink writes points.
type Sink struct {
	cfg    Config
	enc    *encoder
	client *client
	blocks chan []byte
}

// New returns a sink.
func New(cfg Config) *Sink {
	cfg.Timeout = 10 * time.Second
	s := &Sink{cfg: cfg, enc: newEncoder(cfg.Site, cfg.Series, int64(cfg.Retention)), client: newClient(&cfg), blocks: make(chan []byte, 64)}
	go func() {
		for b := range s.blocks {
			a := s.client.send(context.Background(), b)
			if a.verdict == operator {
				s.client.makeBucket(&s.cfg)
				a = s.client.send(context.Background(), b)
			}
			if a.verdict != accepted {
				s.cfg.Log.Warn().Int("status", a.status).Str("said", a.message).Msg("influx")
			}
		}
	}()
	return s
}

// Write encodes the points.
func (s *Sink) Write(b *series.Batch) {
	for i := range b.Points {
		s.enc.add(&b.Points[i])
	}
}

// Flush sends.
func (s *Sink) Flush() {
	if s.enc.points == 0 {
		return
	}
	b, _ := s.enc.take(nil)
	s.blocks <- b
}

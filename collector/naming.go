package collector

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/agents"
	"weir/collector/config"
	"weir/collector/names"
	"weir/collector/snmp"
	"weir/collector/web"
)

// naming gives agents and interfaces names that they do not send.
type naming struct {
	book   names.Book
	shared *agents.Shared
	dir    string // state_dir
	log    zerolog.Logger
	poller *snmp.Poller   // nil without
	fetch  *names.Fetcher // nil without
	every  time.Duration  // between fetches

	files   atomic.Pointer[[]string]
	reread  chan struct{}            // holds one token: read the files again
	trouble [2]atomic.Pointer[error] // of files and of the import, as last tried

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Places in naming.trouble.
const (
	troubleFiles = iota
	troubleImport
)

// Times of naming.
const (
	namesApply = time.Second
	namesSave  = 10 * time.Second
)

// newNaming reads the files, whose mistakes are an error, and what was learned
// before the restart.
func newNaming(cfg *config.Config, shared *agents.Shared, log zerolog.Logger) (*naming, error) {
	n := &naming{shared: shared, dir: cfg.StateDir, log: log, every: cfg.Names.Refresh, reread: make(chan struct{}, 1)}
	n.files.Store(&cfg.Names.Files)
	devices, err := readNames(cfg.Names.Files)
	if err != nil {
		return nil, err
	}
	if err := n.book.Load(cfg.StateDir); err != nil {
		log.Warn().Err(err).Msg("names learned before are lost")
	}
	n.book.Replace(names.Files, devices)
	if cfg.Names.URL != "" {
		n.fetch = &names.Fetcher{URL: cfg.Names.URL, Token: cfg.Names.Token.Reveal()}
	} else {
		n.book.Replace(names.Import, nil)
	}
	if len(cfg.SNMP) > 0 {
		c := snmp.Config{Learned: func(d names.Device) { n.book.Put(names.SNMP, d) }}
		for i := range cfg.SNMP {
			c.Access = append(c.Access, cfg.SNMP[i].Access())
		}
		n.poller = snmp.New(c)
	} else {
		n.book.Replace(names.SNMP, nil)
	}
	n.apply()
	return n, nil
}

// readNames reads all files; of an agent in several of them the earliest file
// that knows an interface holds.
func readNames(files []string) ([]names.Device, error) {
	var all []names.Device
	place := map[netip.Addr]int{}
	for _, f := range files {
		devices, err := names.ReadFile(f)
		if err != nil {
			return nil, mistake(err)
		}
		for _, d := range devices {
			i, ok := place[d.Agent]
			if !ok {
				place[d.Agent] = len(all)
				all = append(all, d)
				continue
			}
			if all[i].Name == "" {
				all[i].Name = d.Name
			}
			all[i].Interfaces = append(d.Interfaces, all[i].Interfaces...)
		}
	}
	return all, nil
}

// mistake makes an error of a names file one of the configuration.
func mistake(err error) error {
	if e, ok := errors.AsType[*names.Error](err); ok {
		return config.Errors{{File: e.File, Line: e.Line, Problem: e.Problem}}
	}
	return err
}

// CheckNames reads the names files of a configuration and returns how many
// agents and interfaces they name. Its error is a config.Errors.
func CheckNames(cfg *config.Config) (agents, interfaces int, err error) {
	devices, err := readNames(cfg.Names.Files)
	for i := range devices {
		interfaces += len(devices[i].Interfaces)
	}
	return len(devices), interfaces, err
}

// labelsFromFiles is naming for a replay: nobody is asked.
func labelsFromFiles(cfg *config.Config, shared *agents.Shared) error {
	devices, err := readNames(cfg.Names.Files)
	if err != nil {
		return err
	}
	var b names.Book
	b.Replace(names.Files, devices)
	shared.SetLabels(b.View())
	return nil
}

func (n *naming) apply() { n.shared.SetLabels(n.book.View()) }

// start begins to ask; close ends it.
func (n *naming) start() {
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	n.done.Go(func() { n.run(ctx) })
	if n.poller != nil {
		n.done.Go(func() { n.poller.Run(ctx) })
	}
	if n.fetch != nil {
		n.done.Go(func() { n.importing(ctx) })
	}
}

func (n *naming) close() {
	if n == nil || n.cancel == nil {
		return
	}
	n.cancel()
	n.done.Wait()
}

// run hands on what was learned, and keeps it.
func (n *naming) run(ctx context.Context) {
	t := time.NewTicker(namesApply)
	defer t.Stop()
	applied := n.book.Changes()
	saved, tried := applied, time.Now()
	for {
		stop := false
		select {
		case <-ctx.Done():
			stop = true
		case <-n.reread:
			n.readFiles()
		case <-t.C:
		}
		if n.poller != nil {
			n.poller.Want(n.shared.Addresses())
		}
		now := n.book.Changes()
		if now != applied {
			applied = now
			n.apply()
		}
		if now != saved && (stop || time.Since(tried) >= namesSave) {
			saved, tried = now, time.Now()
			if err := n.book.Save(n.dir); err != nil {
				n.log.Error().Err(err).Msg("names could not be kept")
			}
		}
		if stop {
			return
		}
	}
}

// reload reads the files that cfg names.
func (n *naming) reload(cfg *config.Config) {
	files := slices.Clone(cfg.Names.Files)
	n.files.Store(&files)
	select {
	case n.reread <- struct{}{}:
	default:
	}
}

func (n *naming) readFiles() {
	devices, err := readNames(*n.files.Load())
	n.note(troubleFiles, err, "names file not read again; the names read before hold")
	if err == nil {
		n.book.Replace(names.Files, devices)
	}
}

// importing asks the inventory now and again.
func (n *naming) importing(ctx context.Context) {
	t := time.NewTicker(n.every)
	defer t.Stop()
	for {
		devices, err := n.fetch.Fetch(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			n.book.Replace(names.Import, devices)
		case errors.Is(err, names.ErrUnchanged):
			err = nil
		}
		n.note(troubleImport, err, "names not imported; those imported before hold")
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// note logs a trouble when it is new.
func (n *naming) note(place int, err error, text string) {
	if err == nil {
		n.trouble[place].Store(nil)
		return
	}
	if old := n.trouble[place].Swap(&err); old == nil || (*old).Error() != err.Error() {
		n.log.Warn().Err(err).Msg(text)
	}
}

// restarted learns an agent anew: its ifIndexes may have moved, and no name is
// better than a wrong one.
func (n *naming) restarted(v agents.Notice) {
	if n == nil || n.poller == nil || v.Kind != agents.NoticeRestarted {
		return
	}
	agent := agents.Identity(v.Agent, v.Source)
	if n.poller.Again(agent) {
		n.book.Forget(names.SNMP, agent)
	}
}

// component says how naming is, for `weir status`.
func (n *naming) component() web.Component {
	var parts []string
	for l := range names.Layers {
		devices, interfaces := n.book.Count(l)
		if devices > 0 {
			parts = append(parts, fmt.Sprintf("%d agents and %d interfaces by %s", devices, interfaces, l))
		}
	}
	if n.poller != nil {
		s := n.poller.Stats()
		parts = append(parts, fmt.Sprintf("%d of %d agents answer to snmp", s.Answered, s.Devices))
		if s.Error != "" {
			parts = append(parts, s.Error)
		}
	}
	for i := range n.trouble {
		if err := n.trouble[i].Load(); err != nil {
			parts = append(parts, (*err).Error())
		}
	}
	return web.Component{Name: "names", Ready: true, Detail: strings.Join(parts, "; ")}
}

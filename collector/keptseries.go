package collector

import (
	"cmp"
	"net/http"

	kept "weir/collector/store/series"
	"weir/collector/web"
)

// keptSeries keeps time series on this machine's disk. All methods may be
// called on nil, which does nothing.
type keptSeries struct {
	*kept.Store
	background
	api http.Handler
}

// newSeries makes what writes time series: to InfluxDB where that is
// configured, and to the history unless that is off.
func (a *app) newSeries() (err error) {
	var writers []pointWriter
	if a.influx = newInflux(a); a.influx != nil {
		writers = append(writers, a.influx)
	}
	if h := a.cfg.HistoryBounds(); !h.Off {
		s, err := kept.Open(kept.Config{
			Dir: a.cfg.SeriesDir(), MaxBytes: int64(h.Series), MaxAge: h.SeriesAge, Series: h.SeriesMost, More: h.SeriesMore, Log: a.log,
		})
		if err != nil {
			return err
		}
		a.kept = &keptSeries{Store: s, api: s.Handler()}
		writers = append(writers, s)
	}
	a.points = newPoints(a, writers...)
	return nil
}

func (a *app) startSeries() {
	a.kept.start()
	a.points.start()
}

// closeSeries writes what there is and ends. It may be called twice, and before
// the start.
func (a *app) closeSeries() {
	a.points.close()
	a.influx.close()
	a.kept.close()
}

func (k *keptSeries) start() {
	if k != nil {
		k.run(k.Run)
	}
}

func (k *keptSeries) close() {
	if k != nil {
		k.end()
	}
}

// addTo adds the series to the status.
func (k *keptSeries) addTo(s *web.Status) {
	if k == nil {
		return
	}
	st := k.Stats()
	s.Components = append(s.Components, web.Component{Name: "series", Ready: true, Detail: cmp.Or(st.Err, st.Shortage())})
	s.SeriesNotKept = st.Lacking
	s.DamagedFiles = append(s.DamagedFiles, web.Count{Key: "series", Count: st.Broken})
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "history_series", Used: st.Series, Limit: st.MaxSeries, Refused: st.Refused},
		web.Bound{Name: "history_series_bytes", Used: int(st.Bytes), Limit: int(st.MaxBytes), Refused: st.Lost})
}

// SeriesAPI implements web.SeriesSource.
func (a *app) SeriesAPI() http.Handler {
	if a.kept == nil {
		return nil
	}
	return a.kept.api
}

package influxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"
)

// Series is one series of an answer to InfluxQL.
type Series struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  [][]any           `json:"values"`
}

// Query asks a database in InfluxQL. Times are ns, as json.Number like all
// numbers.
func (s *Server) Query(db, q string) ([]Series, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	body, err := get(ctx, s.URL+"/query?"+url.Values{"db": {db}, "q": {q}, "epoch": {"ns"}}.Encode())
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []struct {
			Series []Series `json:"series"`
			Error  string   `json:"error"`
		} `json:"results"`
		Error string `json:"error"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		return nil, err
	}
	var all []Series
	for _, r := range answer.Results {
		if r.Error != "" {
			return nil, errors.New(r.Error)
		}
		all = append(all, r.Series...)
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return all, nil
}

// Number asks for one number, 0 where there is no series.
func (s *Server) Number(db, q string) (float64, error) {
	all, err := s.Query(db, q)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	row := all[0].Values[0]
	n, ok := row[len(row)-1].(json.Number)
	if !ok {
		return 0, errors.New("the answer is no number")
	}
	return n.Float64()
}

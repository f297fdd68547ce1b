package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOpenAlertsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	reopen := func(s *Store) *Store {
		if s != nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := reopen(nil)
	for _, open := range [][]OpenAlert{
		{{"a", []byte("1")}, {"b", []byte("2")}},
		{{"a", []byte("1")}, {"b", []byte("3")}, {"c", []byte("4")}},
		{{"b", []byte("3")}},
		nil,
	} {
		if err := s.SaveAlerts(open); err != nil {
			t.Fatal(err)
		}
		s = reopen(s)
		got, err := s.LoadAlerts()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(open, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	_ = s.Close()
}

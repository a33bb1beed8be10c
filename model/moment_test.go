package model

import (
	"encoding/json"
	"testing"
	"time"
)

// TestMoment: a time has nine digits whatever it is, and is read back; so is one with less.
func TestMoment(t *testing.T) {
	east := time.FixedZone("", 2*60*60)
	for want, at := range map[string]time.Time{
		`"2026-11-21T09:00:00.000000000Z"`:      time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
		`"2026-11-21T09:00:00.120000000Z"`:      time.Date(2026, 11, 21, 9, 0, 0, 120_000_000, time.UTC),
		`"2026-11-21T09:00:00.000000001+02:00"`: time.Date(2026, 11, 21, 9, 0, 0, 1, east),
		`"0001-01-01T00:00:00.000000000Z"`:      {},
	} {
		b, err := json.Marshal(Moment{at})
		if err != nil || string(b) != want {
			t.Errorf("%v: %s, %v, want %s", at, b, err, want)
		}
		var m Moment
		if err := json.Unmarshal(b, &m); err != nil || !m.Equal(at) {
			t.Errorf("%s is read as %v, %v", b, m, err)
		}
	}
	var m Moment
	if err := json.Unmarshal([]byte(`"2026-11-21T09:00:00Z"`), &m); err != nil || m.Unix() != time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC).Unix() {
		t.Error(m, err)
	}
	if b, err := json.Marshal(Moment{time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Errorf("the year 10,000 is %s", b)
	}
}

package model

import "time"

// Moment is a time as JSON has it: RFC 3339 with all nine digits of the nanoseconds, so that
// texts of one zone sort as their times do. It reads whatever RFC 3339 allows.
type Moment struct{ time.Time }

// MarshalJSON writes the time; a year that RFC 3339 has no room for is an error.
func (m Moment) MarshalJSON() ([]byte, error) {
	if _, err := m.Time.MarshalJSON(); err != nil {
		return nil, err
	}
	return m.AppendFormat(nil, `"2006-01-02T15:04:05.000000000Z07:00"`), nil
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// stats is the last line of every --json stream, nfscope/stats/1.
type stats struct {
	// gaps are losses that nobody could count; what could be is in lost.
	events, journeys, lost, gaps uint64
	// missed is how often in the whole host the kernel freed something as dropped, a packet or a
	// message of netlink or a Unix socket, and told nobody.
	missed uint64
	start  time.Time
}

func (s *stats) print(w io.Writer) error {
	return json.NewEncoder(w).Encode(struct {
		Schema   string `json:"schema"`
		Events   uint64 `json:"events"`
		Journeys uint64 `json:"journeys"`
		Lost     uint64 `json:"lost"`
		Gaps     uint64 `json:"gaps"`
		Missed   uint64 `json:"missed,omitempty"`
		Duration int64  `json:"duration_ns"`
	}{"nfscope/stats/1", s.events, s.journeys, s.lost, s.gaps, s.missed, int64(time.Since(s.start))})
}

// miss counts events that were lost, an unknown number of them where it is 0.
func (s *stats) miss(lost uint64) {
	if s.lost += lost; lost == 0 {
		s.gaps++
	}
}

// words is what was lost, as the closing line in plain text says it.
func (s *stats) words() string {
	if s.gaps == 0 {
		return fmt.Sprintf("lost %d", s.lost)
	}
	return fmt.Sprintf("lost %d and, in %s, nobody knows how many more", s.lost, plural(s.gaps, "gap"))
}

package snapshot

import (
	"time"

	"nfscope/model"
)

// Reading is a reading of the rules: under way, or failed and to be tried again.
type Reading struct {
	// What is being done, in words: "iptables-legacy-save prints the IPv4 rules".
	What string
	// Done and Total count the rules whose text was printed. Total is 0 while nobody knows
	// how many there are.
	Done, Total int
	// Since is when the reading began; where it failed, when what is shown was last known
	// to be right, or when reading began to fail.
	Since time.Time
	// Failed says why the last attempt came to nothing; "" while one is under way.
	Failed string
	// Outline is what is known so far of the very first ruleset: its tables and chains, and
	// the rules of those that were read. nil before anything is known, and once there is a
	// whole ruleset. It never changes; what becomes known makes another.
	Outline *model.Ruleset
	// Waiting tells of the chains of Outline, by Chain.ID, how many rules they have that are
	// not in it yet: -1 where nobody knows.
	Waiting []int32
}

// Over reports whether nothing is being read and nothing failed.
func (r *Reading) Over() bool { return r == nil || r.What == "" && r.Failed == "" }

// Waits tells how many rules of a chain of the outline are still to be read: 0 where all
// are there, -1 where their number is not known.
func (r *Reading) Waits(c *model.Chain) int {
	if r == nil || c.ID >= len(r.Waiting) {
		return 0
	}
	return int(r.Waiting[c.ID])
}

// Shown is the ruleset to draw from: Rules, or the outline of the first one; nil while
// nothing is known.
func (s *Snapshot) Shown() *model.Ruleset {
	if s.Rules == nil && s.Reading != nil {
		return s.Reading.Outline
	}
	return s.Rules
}

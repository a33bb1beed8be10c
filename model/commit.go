package model

import "time"

// Commit is a transaction of nf_tables, as the kernel announced it (NFT_MSG_NEWGEN), or
// several that one process made one after the other. x_tables announces nothing: who
// changed a legacy table is not known.
type Commit struct {
	// First and Generation are the first and the last generation that were made.
	First, Generation uint32
	// Time is when we heard of the last.
	Time time.Time
	// Program is the name of the thread that asked, at most 15 bytes. Of most programs
	// it is the program's.
	Program string
	// PID is the process, as the first pid namespace numbers it, and where the thread had
	// ended before we could ask for its process, the thread.
	PID int
	// Foreign is true where we are in another pid namespace: there PID means nothing.
	Foreign bool `json:",omitempty"`
	// Command is the process's command line, and Parent and ParentPID who started it; ""
	// and 0 where it had ended before we could ask.
	Command   string `json:",omitempty"`
	Parent    string `json:",omitempty"`
	ParentPID int    `json:",omitempty"`
	// Own is true for our own: tables that are not shown.
	Own bool `json:",omitempty"`
}

// Authors lists the transactions of nf_tables between an older ruleset and this one,
// oldest first, without our own. untold is how many there were besides, of which nobody
// knows who made them. Nothing is known of a ruleset that has no Transaction.
func (rs *Ruleset) Authors(older *Ruleset) (list []Commit, untold int) {
	if rs.Transaction == 0 || older.Transaction == 0 {
		return nil, 0
	}
	span := int32(rs.Transaction - older.Transaction) // generations go round
	if span <= 0 {
		return nil, 0
	}
	untold = int(span)
	if rs.Transaction < older.Transaction {
		untold-- // and pass over 0
	}
	for _, c := range rs.Commits {
		from := max(int32(c.First-older.Transaction), 1)
		to := min(int32(c.Generation-older.Transaction), span)
		if from > to {
			continue
		}
		untold -= int(to - from + 1)
		if c.First, c.Generation = older.Transaction+uint32(from), older.Transaction+uint32(to); !c.Own {
			list = append(list, c)
		}
	}
	return list, max(untold, 0)
}

// Count is the number of transactions.
func (c *Commit) Count() int { return int(c.Generation-c.First) + 1 }

package rules

import (
	"fmt"
	"strings"

	"nfscope/model"
	"nfscope/model/diff"
)

// authors are who made a batch of changes, as far as the kernel tells.
type authors struct {
	// commits are the transactions of nf_tables meanwhile, untold how many there were
	// besides. Both are none where only legacy tables changed.
	commits []model.Commit
	untold  int
	// native is true where something of nf_tables changed, legacy where something of
	// x_tables did, which never tells who did it.
	native, legacy bool
}

// maxAuthors is how many transactions of one batch are kept.
const maxAuthors = 20

func authorsOf(older, newer *model.Ruleset, changes []diff.Change) authors {
	var a authors
	for i := range changes {
		if changes[i].Backend == model.BackendLegacy {
			a.legacy = true
		} else {
			a.native = true
		}
	}
	if older.Transaction == 0 || newer.Transaction == 0 {
		return authors{} // a recording of before transactions were told
	}
	if a.native {
		a.commits, a.untold = newer.Authors(older)
	}
	for _, c := range a.commits[min(len(a.commits), maxAuthors):] {
		a.untold += c.Count()
	}
	a.commits = a.commits[:min(len(a.commits), maxAuthors)]
	return a
}

// String says it in few words: by nft (pid 4711).
func (a authors) String() string {
	var names []string
	seen := map[string]bool{}
	for i := range a.commits {
		if n := author(&a.commits[i]); !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	const shown = 2
	more := len(names) - shown
	if more > 0 {
		names = append(names[:shown], fmt.Sprintf("%d more", more))
	}
	if a.native && (a.untold > 0 || len(names) == 0) {
		names = append(names, "somebody unknown")
	}
	if a.legacy {
		names = append(names, "somebody unknown (x_tables does not tell)")
	}
	if len(names) == 0 {
		return ""
	}
	return "by " + strings.Join(names, ", ")
}

func author(c *model.Commit) string {
	s := fmt.Sprintf("%s (pid %d", c.Program, c.PID)
	if c.Foreign {
		s += " of the host"
	}
	if c.Parent != "" {
		s += ", started by " + c.Parent
	}
	return s + ")"
}

// lines say all that is known, a line for each process.
func (a authors) lines() []string {
	var out []string
	for i := range a.commits {
		c := &a.commits[i]
		l := "by " + author(c)
		if c.Command != "" {
			l += ": " + c.Command
		}
		if n := c.Count(); n > 1 {
			l += fmt.Sprintf(", %d transactions", n)
		}
		out = append(out, l)
	}
	switch {
	case !a.native:
	case a.untold > 0:
		out = append(out, count(a.untold, "transaction", "transactions")+" of which nobody heard who made them")
	case len(a.commits) > 1:
		out = append(out, "what each of them changed is not told")
	}
	if a.legacy {
		out = append(out, "who changed the legacy tables is not known: x_tables does not tell")
	}
	return out
}

package labs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/guess"
	"nfscope/model/snapshot"
	"nfscope/ui/component/line"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// queues are the queues of NFQUEUE with what went through them, a column each, and those
// that rules name and nobody reads.
func queues(th *theme.Theme, say speech.Speech, rs *model.Ruleset, list []snapshot.LabQueue, w int) (out []string) {
	rows := []struct {
		name string
		of   func(*snapshot.LabQueue) uint64
	}{{say.Queue("queue"), func(q *snapshot.LabQueue) uint64 { return uint64(q.Number) }}, {say.Queue("given"), func(q *snapshot.LabQueue) uint64 { return q.Given }},
		{say.Queue("waiting"), func(q *snapshot.LabQueue) uint64 { return q.Waiting }}, {say.Queue("dropped"), func(q *snapshot.LabQueue) uint64 { return q.Full + q.Deaf }}}
	for i, r := range rows {
		var b strings.Builder
		b.WriteString(" " + line.Fit(r.name, 8, th.Glyphs.Dots))
		for k := range list {
			fmt.Fprintf(&b, " %5d", r.of(&list[k]))
		}
		style := th.Text
		if i == 0 {
			style = th.Title
		}
		out = append(out, style.Render(line.Cut(b.String(), w, th.Glyphs.Dots)))
	}
	read := map[int]bool{}
	for i := range list {
		read[list[i].Number] = true
	}
	for _, q := range unread(rs, read) {
		out = append(out, " "+th.Warn.Render(line.Cut(line.Clean(say.Unread(q.number, q.by, q.bypass)), w-1, th.Glyphs.Dots)))
	}
	return out
}

// unreadQueue is a queue that a rule names and nobody reads.
type unreadQueue struct {
	number int
	by     guess.Place
	// bypass says that the rule lets packets by then.
	bypass bool
}

// unread finds the queues of rules that are not among those that are read, in the order of
// the rules.
func unread(rs *model.Ruleset, read map[int]bool) (list []unreadQueue) {
	if rs == nil {
		return nil
	}
	// As iptables-save and nft print it: --queue-num 9, --queue-balance 5:8, queue to 5-8.
	named := regexp.MustCompile(`(?:--queue-num |--queue-balance |\bqueue (?:flags \S+ )?(?:num|to) )(\d+)(?:[:-](\d+))?`)
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				r := &c.Rules[i]
				m := named.FindStringSubmatch(r.Text)
				if m == nil {
					continue
				}
				from, _ := strconv.Atoi(m[1]) // too large a number names no queue
				to := from
				if m[2] != "" {
					to, _ = strconv.Atoi(m[2])
				}
				for q := from; q <= min(to, 0xffff); q++ {
					if !read[q] {
						at := guess.Place{Kind: guess.Rule, Backend: t.Backend, Family: t.Family, Table: t.Name, Chain: c.Name, Rule: r.Index, Text: r.Text}
						list = append(list, unreadQueue{q, at, strings.Contains(r.Text, "bypass")})
						break // one of a range is enough to be told of
					}
				}
			}
		}
	}
	return list
}

package rules

import (
	"strings"
	"unicode"

	"nfscope/model"
)

// Attributes of a generation (linux/netfilter/nf_tables.h, enum nft_gen_attributes).
const (
	attrGenPID  = 2
	attrGenName = 3
)

// decodeCommit reads NFT_MSG_NEWGEN, struct nfgenmsg first (net/netfilter/nf_tables_api.c,
// nf_tables_fill_gen_info). The pid is the thread's (task_pid_nr): of the first pid
// namespace, whoever reads it.
func decodeCommit(b []byte) (c model.Commit, err error) {
	if c.Generation, err = decodeGen(b); err != nil {
		return c, err
	}
	c.First = c.Generation
	err = attrs(b[4:], func(t uint16, v []byte) error {
		switch t {
		case attrGenPID:
			var pid uint32
			err := be32(v, &pid)
			c.PID = int(pid)
			return err
		case attrGenName:
			name, _, _ := strings.Cut(string(v), "\x00")
			c.Program = printable(name)
		}
		return nil
	})
	if err == nil && (c.PID <= 0 || c.Program == "") {
		err = errCut
	}
	return c, err
}

// printable leaves out of a name, which every process gives itself as it likes, what a
// terminal would take for more than text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

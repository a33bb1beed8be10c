package rules

import (
	"slices"
	"testing"

	"nfscope/model"
)

func commitMessage(pid uint32, name string) []byte {
	return slices.Concat([]byte{0, 0, 0, 9}, attr(attrGenID, u32(9)), attr(attrGenPID, u32(pid)), attr(attrGenName, str(name)))
}

func TestDecodeCommit(t *testing.T) {
	t.Parallel()
	c, err := decodeCommit(commitMessage(4711, "nft"))
	if err != nil || c != (model.Commit{First: 9, Generation: 9, PID: 4711, Program: "nft"}) {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := decodeCommit(commitMessage(1, "a\x1b[2J\xffb")); err != nil || c.Program != "a?[2J?b" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, b := range [][]byte{nil, commitMessage(0, "nft"), commitMessage(1, ""), commitMessage(1, "x")[:20], {0, 0, 0, 0}} {
		if c, err := decodeCommit(b); err == nil {
			t.Errorf("%x gives %+v", b, c)
		}
	}
}

func FuzzDecodeCommit(f *testing.F) {
	f.Add(commitMessage(4711, "nft"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeCommit(b); err == nil && (c.PID <= 0 || c.Program == "") {
			t.Errorf("%+v", c)
		}
	})
}

package drops

import (
	"encoding/binary"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"nfscope/model/drop"
	"nfscope/trace/nettest"
)

var update = flag.Bool("update", false, "write the kernel's list of reasons anew")

// TestReasons: every reason that this kernel names has words. The list in model/drop is
// written from it.
func TestReasons(t *testing.T) {
	nettest.Kernel(t)
	l, err := readLayout()
	if err != nil {
		t.Fatal(err)
	}
	words := drop.Meanings()
	var names []string
	for _, n := range l.reasons {
		switch n {
		case "CONSUMED", "NOT_DROPPED_YET", "MAX", "SUBSYS_MASK":
			continue
		}
		if _, ok := words[n]; !ok {
			t.Errorf("%s has no words", n)
		}
		names = append(names, n)
	}
	slices.Sort(names)
	if *update {
		if err := os.WriteFile("../../model/drop/testdata/reasons-6.18", []byte(strings.Join(names, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(names) < 60 {
		t.Errorf("only %d reasons", len(names))
	}
}

func FuzzDecode(f *testing.F) {
	l := tupleLayout{size: 40, srcAddr: 0, srcPort: 16, l3: 18, dstAddr: 20, dstPort: 36, proto: 38}
	whole := make([]byte, evSize)
	whole[evHasCT], whole[evHasMAC] = 1, 1
	binary.NativeEndian.PutUint16(whole[evHeaders:], 128)
	binary.NativeEndian.PutUint32(whole[evStackLen:], 8*stackDepth)
	copy(whole[evProtocol:], []byte{8, 0})
	copy(whole[evPacket:], nettest.Frame{Src: "10.0.0.1", Dst: "10.0.0.2"}.Bytes())
	f.Add(whole)
	f.Add(whole[:100])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b, l, 0)
		if err != nil && len(b) >= evSize {
			t.Errorf("a whole event is refused: %v", err)
		}
		if len(r.Stack) > stackDepth {
			t.Errorf("%d callers", len(r.Stack))
		}
	})
}

func FuzzProc(f *testing.F) {
	f.Add([]byte("Ip: A B\nIp: 1 2\n"), uint8(0))
	f.Add([]byte("Ip6InNoRoutes 4\n"), uint8(1))
	f.Add([]byte("entries drop\n0000000a 00000002\n0000000a 00000003\n"), uint8(2))
	f.Add([]byte("field:void * location; offset:16; size:8;\n__print_symbolic(REC->reason, { 2, \"NOT_SPECIFIED\" })"), uint8(3))
	f.Add([]byte("ffffffff81000000 T _text\nffffffff81000010 t b [m]\n"), uint8(4))
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		c := counters{}
		switch which % 5 {
		case 0:
			parsePairs(b, c)
		case 1:
			parseLines(b, c)
		case 2:
			parsePerCPU(b, "x", c)
		case 3:
			_, _ = parseFormat(string(b)) // what it makes of it is told or an error; it must not panic
		default:
			s, err := readSymbols(strings.NewReader(string(b)))
			if err == nil && !slices.IsSorted(s.addrs) {
				t.Error("not sorted")
			}
			s.at(0xffffffff81000011)
		}
		parseSoftnet(b, c)
	})
}

package why

import "nfscope/model"

// circling counts how often a packet came back by the interface that it had left by, with a smaller
// TTL: a route leads in a circle. It tells by which one.
func (t *talk) circling() (n int, by string) {
	type known struct {
		tuple    model.Tuple
		id       uint16
		seq, ack uint32
		flags    model.TCPFlags
		length   int
	}
	before := map[known]*sight{}
	for _, x := range t.sights {
		j, p := x.journey, x.packet
		if j == nil {
			continue
		}
		k := known{p.Tuple(), p.IPID, p.Seq, p.Ack, p.Flags, p.Length}
		if y := before[k]; y != nil && y.journey.Out != "" && y.journey.Out == j.In && p.TTL < y.packet.TTL {
			n, by = n+1, j.In
		}
		before[k] = x
	}
	return n, by
}

package why

import (
	"time"

	"nfscope/model"
)

// lap is how long a packet may take once round a circle to be known as the same where nothing in it
// tells one packet from the next.
const lap = 200 * time.Millisecond

// circling counts how often a packet came back by the interface that it had left by, with a smaller
// TTL: a route leads in a circle. It tells by which one. Of IPv6's datagrams neither id nor sequence
// tells that it is the same packet, and who tries one TTL after the other begins again with a small
// one: such a packet must come back twice, each time soon and after as many hops.
func (t *talk) circling() (n int, by string) {
	type known struct {
		tuple    model.Tuple
		id       uint16
		seq, ack uint32
		flags    model.TCPFlags
		length   int
	}
	type round struct {
		x    *sight
		hops uint8 // of the lap that ended with it, 0 where none did
	}
	before := map[known]round{}
	for _, x := range t.sights {
		j, p := x.journey, x.packet
		if j == nil {
			continue
		}
		k := known{p.Tuple(), p.IPID, p.Seq, p.Ack, p.Flags, p.Length}
		y, now := before[k], round{x: x}
		if y.x != nil && y.x.journey.Out != "" && y.x.journey.Out == j.In && p.TTL < y.x.packet.TTL {
			switch now.hops = y.x.packet.TTL - p.TTL; {
			case p.IPID != 0 || p.Seq != 0:
				n, by = n+1, j.In
			case x.at.Sub(y.x.at) > lap || p.Content != y.x.packet.Content:
				now.hops = 0
			case y.hops == now.hops:
				n, by = n+1, j.In
			}
		}
		before[k] = now
	}
	return n, by
}

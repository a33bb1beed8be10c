package trace

import (
	"strings"

	"nfscope/model"
	"nfscope/ui/component/canvas"
)

// leastAddress is as far as an address is cut: its two ends, with dots between.
const leastAddress = 11

// packetWords is a packet in at most w cells. Of IPv6 addresses that have no room the middle
// goes, so that both packets' ends, the ports and the flags can still be read; the longer one
// gives up first.
func packetWords(p *model.Packet, w int, dots string) string {
	s := p.String()
	over := canvas.Width(s) - w
	left, right, ok := strings.Cut(s, " > ")
	if over <= 0 || !ok || !p.Src.Is6() || !p.Dst.Is6() {
		return canvas.Fit(s, w, dots)
	}
	src, dst := p.Src.String(), p.Dst.String()
	most := max(len(src), len(dst))
	for most > leastAddress && min(len(src), most)+min(len(dst), most) > len(src)+len(dst)-over {
		most--
	}
	left = strings.Replace(left, src, middle(src, most, dots), 1)
	right = strings.Replace(right, dst, middle(dst, most, dots), 1)
	return canvas.Fit(left+" > "+right, w, dots)
}

// middle cuts the middle out of an address that is longer than w.
func middle(a string, w int, dots string) string {
	if len(a) <= w {
		return a
	}
	room := w - canvas.Width(dots)
	return a[:(room+1)/2] + dots + a[len(a)-room/2:]
}

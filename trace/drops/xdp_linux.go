package drops

import "nfscope/trace/netns"

// XDP is an interface of a namespace whose XDP program has the packets before anybody is told of them,
// "" where there is none. What such a program drops in the driver was never an sk_buff: the kernel
// tells of no drop.
func XDP(ns *netns.Handle) string {
	conn, err := ns.Rtnetlink()
	if err != nil {
		return ""
	}
	defer conn.Close()
	list, err := conn.LinkList()
	if err != nil {
		return ""
	}
	for _, l := range list {
		if x := l.Attrs().Xdp; x != nil && x.Attached {
			return l.Attrs().Name
		}
	}
	return ""
}

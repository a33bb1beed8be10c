package main

import (
	"fmt"
	"io"
	"strings"

	"nfscope/model/journey"
	"nfscope/trace/pcapng"
	"nfscope/ui/component/ladder"
)

const pcapngNote = "Headers as netfilter's trace told of them: no payload, no TCP options or window, and of the checksums only IPv4's. " +
	"The comment of a packet is its way through the rules."

// capture writes journeys as packets.
type capture struct {
	w interface{ Packet(pcapng.Packet) error }
	// left has packets written a second time, as they went out.
	left bool
}

func newCapture(w io.Writer, left bool) (*capture, error) {
	pw, err := pcapng.NewWriter(w, "nfscope "+version(), pcapngNote)
	if err != nil {
		return nil, err
	}
	return &capture{pw, left}, nil
}

// writeCapture writes journeys as a file for Wireshark.
func writeCapture(w io.Writer, list []*journey.Journey, left bool) error {
	c, err := newCapture(w, left)
	for i := 0; i < len(list) && err == nil; i++ {
		err = c.put(list[i])
	}
	return err
}

// put writes a journey's packet, as it was first seen.
func (c *capture) put(j *journey.Journey) error {
	p := pcapng.Packet{Time: j.Start, Interface: j.In, Direction: pcapng.In, Headers: j.Packet,
		Comment: strings.Join(ladder.Text(j, 0), "\n")}
	if j.In == "" {
		p.Direction = pcapng.Out
	}
	if err := c.w.Packet(p); err != nil || !c.left || j.Outcome.Verdict != journey.Accepted || j.Out == "" || j.In == "" {
		return err
	}
	for i := range j.Steps {
		s := &j.Steps[i]
		s.Packet.Apply(&p.Headers)
		p.Time = s.Time
	}
	if j.NAT != nil { // source NAT is the last thing that happens to it
		after(&p, j.NAT)
	}
	p.Interface, p.Direction, p.Comment = j.Out, pcapng.Out, fmt.Sprintf("#%d as it left: %s", j.Number, j.Outcome.Sentence)
	return c.w.Packet(p)
}

// after puts the ends that NAT gave into a packet.
func after(p *pcapng.Packet, n *journey.NAT) {
	for _, side := range []struct {
		ends []string
		name string
	}{{n.Src, "src"}, {n.Dst, "dst"}} {
		if len(side.ends) != 2 {
			continue
		}
		addr, port := splitEnd(side.ends[1])
		journey.Delta{{Field: side.name, Value: addr}}.Apply(&p.Headers)
		if port != "" {
			journey.Delta{{Field: side.name[:1] + "port", Value: port}}.Apply(&p.Headers)
		}
	}
}

// splitEnd parts an address and a port, "" where there is none.
func splitEnd(s string) (addr, port string) {
	if strings.HasPrefix(s, "[") || strings.Count(s, ":") == 1 {
		i := strings.LastIndex(s, ":")
		return strings.Trim(s[:i], "[]"), s[i+1:]
	}
	return s, ""
}

// replayCapture writes the packets of a recording as pcapng.
func (a *app) replayCapture(name string, o replayFlags) error {
	_, list, playErr, err := a.journeysOf(name, o)
	if err != nil {
		return err
	}
	err = a.writeBeside(name, o.pcapng, "--pcapng", func(w io.Writer) error {
		return writeCapture(w, list, o.left)
	})
	if err != nil {
		return err
	}
	if o.pcapng != stdio {
		fmt.Fprintf(a.err, "wrote %s to %s\n", plural(uint64(len(list)), "packet"), o.pcapng)
	}
	return usage(playErr)
}

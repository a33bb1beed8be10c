package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// What a message of DNS is made of (RFC 1035, section 4).
const (
	dnsHeader   = 12
	dnsAnswer   = 1 << 15 // QR
	dnsRecurse  = 1 << 8  // RD
	dnsRecursed = 1 << 7  // RA
	dnsNoName   = 3       // RCODE NXDOMAIN
	dnsTypeA    = 1
	dnsClassIN  = 1
	dnsTTL      = 60
)

// dnsName writes a name as labels with their lengths.
func dnsName(name string) ([]byte, error) {
	var b []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if len(label) == 0 || len(label) > 63 {
			return nil, fmt.Errorf("%q is no name: a label has 1 to 63 letters", name)
		}
		b = append(append(b, byte(len(label))), label...)
	}
	if len(b) > 254 {
		return nil, fmt.Errorf("%q is no name: it has more than 253 letters", name)
	}
	return append(b, 0), nil
}

// dnsQuery makes a question for a name's IPv4 address.
func dnsQuery(id uint16, name string) ([]byte, error) {
	n, err := dnsName(name)
	if err != nil {
		return nil, err
	}
	b := make([]byte, dnsHeader, dnsHeader+len(n)+4)
	binary.BigEndian.PutUint16(b, id)
	binary.BigEndian.PutUint16(b[2:], dnsRecurse)
	binary.BigEndian.PutUint16(b[4:], 1)
	b = append(b, n...)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, dnsTypeA), dnsClassIN), nil
}

// dnsQuestion reads the name that a message asks for; end is where the question ends.
func dnsQuestion(b []byte) (name string, end int, err error) {
	if len(b) < dnsHeader || binary.BigEndian.Uint16(b[4:]) != 1 {
		return "", 0, errors.New("not a message with one question")
	}
	var labels []string
	at := dnsHeader
	for {
		if at >= len(b) {
			return "", 0, errors.New("the name is cut")
		}
		n := int(b[at])
		at++
		if n == 0 {
			break
		}
		if n > 63 || at+n > len(b) {
			return "", 0, errors.New("the name is cut, or refers to another")
		}
		labels = append(labels, string(b[at:at+n]))
		at += n
	}
	if at+4 > len(b) {
		return "", 0, errors.New("the question is cut")
	}
	return strings.Join(labels, "."), at + 4, nil
}

// answerDNS answers a question from records; nil where it is none.
func answerDNS(query []byte, records map[string]string) []byte {
	name, end, err := dnsQuestion(query)
	if err != nil || binary.BigEndian.Uint16(query[2:])&dnsAnswer != 0 {
		return nil
	}
	b := append([]byte(nil), query[:end]...)
	clear(b[6:dnsHeader])
	flags := uint16(dnsAnswer | dnsRecurse | dnsRecursed)
	typ := binary.BigEndian.Uint16(b[end-4:])
	addr, known := records[strings.ToLower(name)]
	ip, err := netip.ParseAddr(addr)
	switch {
	case !known:
		flags |= dnsNoName
	case typ == dnsTypeA && err == nil && ip.Is4():
		binary.BigEndian.PutUint16(b[6:], 1)
		b = append(b, 0xc0, dnsHeader) // the name asked for
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, dnsTypeA), dnsClassIN)
		b = binary.BigEndian.AppendUint32(b, dnsTTL)
		b = append(binary.BigEndian.AppendUint16(b, 4), ip.AsSlice()...)
	}
	binary.BigEndian.PutUint16(b[2:], flags)
	return b
}

// readDNS gives the first address of an answer to a question with that id, as
// "NAME is ADDRESS"; ok is false where it is another's answer or none.
func readDNS(b []byte, id uint16) (says string, ok bool) {
	name, at, err := dnsQuestion(b)
	if err != nil || binary.BigEndian.Uint16(b) != id || binary.BigEndian.Uint16(b[2:])&dnsAnswer == 0 {
		return "", false
	}
	if rcode := b[3] & 15; rcode != 0 {
		return fmt.Sprintf("%s: there is no such name (code %d)", name, rcode), true
	}
	if binary.BigEndian.Uint16(b[6:]) == 0 || len(b) < at+16 {
		return name + " has no address", true
	}
	return name + " is " + netip.AddrFrom4([4]byte(b[at+12:at+16])).String(), true
}

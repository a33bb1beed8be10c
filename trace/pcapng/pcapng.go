// Package pcapng writes packets into a file that Wireshark and tcpdump open: the few
// block types that are needed of the PCAP Next Generation format
// (draft-ietf-opsawg-pcapng), and the headers that a trace told of.
package pcapng

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"nfscope/model"
)

// The block types, link type and options (draft-ietf-opsawg-pcapng, 4 and 11).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 6 // an Enhanced Packet Block

	// Before each packet stands a header that says its direction and its protocol and
	// claims no address (LINKTYPE_LINUX_SLL). With LINKTYPE_RAW libpcap 1.10.3 refuses a
	// file of more than one interface: it holds the type's number against its own.
	linkCooked = 113
	cookedSize = 16
	noHardware = 0xfffe // ARPHRD_NONE

	optComment   = 1
	optUserAppl  = 4 // of a section
	optName      = 2 // of an interface
	optTSResol   = 9 // of an interface
	optFlags     = 2 // of a packet
	nanoseconds  = 9 // 10^-9 s
	longestValue = 60_000
)

// Direction says whether a packet came in or went out.
type Direction uint32

// The directions, as the lowest bits of epb_flags.
const (
	In  Direction = 1
	Out Direction = 2
)

// Packet is one packet of a file.
type Packet struct {
	Time time.Time
	// Interface is the name of the interface, "" where there is none.
	Interface string
	Direction Direction
	Headers   model.Packet
	Comment   string
}

// Writer writes one section. It is not safe for concurrent use.
type Writer struct {
	out        io.Writer
	interfaces map[string]uint32
	buf        []byte
}

// NewWriter begins a file on w. program and comment are about the whole of it.
func NewWriter(w io.Writer, program, comment string) (*Writer, error) {
	pw := &Writer{out: w, interfaces: map[string]uint32{}}
	pw.begin(blockSection)
	pw.u32(0x1a2b3c4d) // the byte order
	pw.u16(1)
	pw.u16(0)
	pw.u32(0xffffffff) // how long the section is, is not known
	pw.u32(0xffffffff)
	pw.text(optComment, comment)
	pw.text(optUserAppl, program)
	return pw, pw.end()
}

func (w *Writer) u16(n uint16) { w.buf = binary.LittleEndian.AppendUint16(w.buf, n) }
func (w *Writer) u32(n uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, n) }

func (w *Writer) begin(kind uint32) {
	w.buf = w.buf[:0]
	w.u32(kind)
	w.u32(0) // its length
}

// bytes appends what is padded to four bytes.
func (w *Writer) bytes(b []byte) {
	w.buf = append(w.buf, b...)
	for len(w.buf)%4 != 0 {
		w.buf = append(w.buf, 0)
	}
}

func (w *Writer) option(code uint16, b []byte) {
	w.u16(code)
	w.u16(uint16(len(b)))
	w.bytes(b)
}

func (w *Writer) text(code uint16, s string) {
	if s = strings.ToValidUTF8(s, "?"); len(s) > longestValue {
		s = strings.ToValidUTF8(s[:longestValue], "") + "..."
	}
	if s != "" {
		w.option(code, []byte(s))
	}
}

// end ends the options and the block, and writes it.
func (w *Writer) end() error {
	w.u32(0) // opt_endofopt
	n := uint32(len(w.buf) + 4)
	w.u32(n)
	binary.LittleEndian.PutUint32(w.buf[4:], n)
	if _, err := w.out.Write(w.buf); err != nil {
		return fmt.Errorf("write pcapng: %w", err)
	}
	return nil
}

// iface gives the number of an interface, and writes what is said of it the first time.
func (w *Writer) iface(name string) (uint32, error) {
	if n, ok := w.interfaces[name]; ok {
		return n, nil
	}
	n := uint32(len(w.interfaces))
	w.interfaces[name] = n
	w.begin(blockInterface)
	w.u16(linkCooked)
	w.u16(0)
	w.u32(0) // no limit
	if name == "" {
		name = "this host"
	}
	w.text(optName, name)
	w.option(optTSResol, []byte{nanoseconds})
	return n, w.end()
}

// Packet writes a packet. Only its headers are there: the length that is said of it is
// the packet's own, more than what follows.
func (w *Writer) Packet(p Packet) error {
	data := Headers(&p.Headers)
	if len(data) == 0 {
		return nil // it has no address: no event showed its headers
	}
	data = append(cooked(&p), data...)
	n, err := w.iface(p.Interface)
	if err != nil {
		return err
	}
	ns := uint64(p.Time.UnixNano())
	w.begin(blockPacket)
	w.u32(n)
	w.u32(uint32(ns >> 32))
	w.u32(uint32(ns))
	w.u32(uint32(len(data)))
	w.u32(uint32(max(len(data), cookedSize+p.Headers.Length)))
	w.bytes(data)
	w.text(optComment, p.Comment)
	if p.Direction != 0 {
		w.option(optFlags, binary.LittleEndian.AppendUint32(nil, uint32(p.Direction)))
	}
	return w.end()
}

// cooked is the header of LINKTYPE_LINUX_SLL.
func cooked(p *Packet) []byte {
	b := make([]byte, cookedSize)
	if p.Direction == Out {
		binary.BigEndian.PutUint16(b, 4) // sent by us; 0 is to us
	}
	binary.BigEndian.PutUint16(b[2:], noHardware)
	proto := uint16(0x0800)
	if p.Headers.Src.Is6() {
		proto = 0x86dd
	}
	binary.BigEndian.PutUint16(b[14:], proto)
	return b
}

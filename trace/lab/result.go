package lab

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"nfscope/model"
)

// Word is how an attempt to reach something ended, as its sender saw it.
type Word string

// The words.
const (
	Connected   Word = "connected"   // tcp: the handshake was done
	Answered    Word = "answered"    // udp, ping, http: an answer came
	Refused     Word = "refused"     // RST, or ICMP port unreachable
	Unreachable Word = "unreachable" // another ICMP error, or no route
	TimedOut    Word = "timed out"   // silence
	Failed      Word = "failed"      // something here did not work; the error says what
	Mixed       Word = "mixed"       // the attempts of one step ended differently
)

// Words lists what an attempt can end with.
func Words() []Word {
	return []Word{Connected, Answered, Refused, Unreachable, TimedOut, Failed, Mixed}
}

func joinWords() string {
	var s []string
	for _, w := range Words() {
		s = append(s, string(w))
	}
	return strings.Join(s, ", ")
}

// Result is what a step's sender saw.
type Result struct {
	// Step is the index of the step in its lab.
	Step int
	Name string
	// Word is the word of all attempts, or Mixed.
	Word     Word
	Attempts []Attempt
}

// Attempt is one connection, datagram or echo request.
type Attempt struct {
	Word Word
	// Tuple is what the first packet carried when it left its sender.
	Tuple model.Tuple
	// Answer is the first line that came back.
	Answer string
	Start  time.Time
	Took   time.Duration
	// Resent is how often TCP sent its SYN again: a second after it, where the sender's
	// machine was too busy to give up in time.
	Resent int
	// open is the socket of a datagram whose answer may come late; nil for none.
	open net.Conn
	// Err is what went wrong; for Failed it is trouble of our own.
	Err error
}

// sum gives the word of all attempts.
func sum(attempts []Attempt) Word {
	if len(attempts) == 0 {
		return Failed
	}
	for _, a := range attempts {
		if a.Word != attempts[0].Word {
			return Mixed
		}
	}
	return attempts[0].Word
}

// String is the word, with the answer where there is one; of several attempts a count.
func (r Result) String() string {
	if len(r.Attempts) == 1 && r.Attempts[0].Answer != "" {
		return string(r.Word) + ": " + r.Attempts[0].Answer
	}
	if len(r.Attempts) == 1 && r.Word == Failed && r.Attempts[0].Err != nil {
		return string(r.Word) + ": " + r.Attempts[0].Err.Error()
	}
	if len(r.Attempts) > 1 {
		return r.tally()
	}
	return string(r.Word)
}

// tally counts how several attempts ended, and who answered.
func (r Result) tally() string {
	ends := map[string]int{}
	for _, a := range r.Attempts {
		end := string(a.Word)
		if who, _, ok := strings.Cut(a.Answer, ": you "); ok {
			end += " by " + who
		}
		ends[end]++
	}
	var list []string
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		list = append(list, fmt.Sprintf("%d %s", ends[end], end))
	}
	return strings.Join(list, ", ")
}

package flow

// State is a protocol's state in one byte. A State is a name: the ESTABLISHED of TCP is
// that of SCTP.
type State uint8

// The states, as conntrack(8) prints them (include/uapi/linux/netfilter/nf_conntrack_tcp.h,
// _sctp.h, and what DCCP had while the kernel tracked it).
const (
	NoState State = iota
	StateNone
	StateSynSent
	StateSynRecv
	StateEstablished
	StateFinWait
	StateCloseWait
	StateLastAck
	StateTimeWait
	StateClose
	StateSynSent2
	StateClosed
	StateCookieWait
	StateCookieEchoed
	StateShutdownSent
	StateShutdownRecd
	StateShutdownAckSent
	StateHeartbeatSent
	StateHeartbeatAcked
	StateRequest
	StateRespond
	StatePartOpen
	StateOpen
	StateCloseReq
	StateClosing
	StateTimeWaitDCCP
	StateIgnore
	StateInvalid
	// StateOther is one without a number here: its name stands beside it.
	StateOther
)

var stateNames = [...]string{"", "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
	"SYN_SENT2", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT",
	"HEARTBEAT_ACKED", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE", "INVALID"}

// String is the state's name, "" for NoState and StateOther.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return ""
}

// ParseState finds a state by its name; StateOther where there is none.
func ParseState(name string) State {
	for i, n := range stateNames {
		if n == name {
			return State(i)
		}
	}
	return StateOther
}

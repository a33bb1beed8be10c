package drops

// The event that the program writes: offsets in bytes, in the machine's byte order but
// for what the kernel keeps in the network's.
const (
	evTime     = 0   // u64, CLOCK_MONOTONIC
	evPlace    = 8   // u64, the address after the call that dropped
	evReason   = 16  // u32
	evNetns    = 20  // u32, inode
	evIndex    = 24  // u32, of skb->dev
	evIif      = 28  // u32, skb->skb_iif
	evLen      = 32  // u32
	evMark     = 36  // u32
	evProtocol = 40  // be16
	evTrans    = 42  // u16, transport header from the head of the buffer
	evNet      = 44  // u16, network header from the head of the buffer
	evHeaders  = 46  // u16, how many bytes of evPacket are there
	evPktType  = 48  // u8, as it stands in the byte
	evHasMAC   = 49  // u8
	evHasCT    = 50  // u8
	evCTInfo   = 51  // u8
	evStatus   = 52  // u32, of the connection
	evZone     = 56  // u32
	evStackLen = 60  // s32, bytes; negative is an error
	evName     = 64  // 16 bytes, of skb->dev
	evMAC      = 80  // 16 bytes: 14 of an Ethernet header
	evOrig     = 96  // mostTuple
	evReply    = 144 // mostTuple
	evPacket   = 192 // 128 bytes from the network header
	evSkb      = 320 // u64, the address of the sk_buff
	evStack    = 328 // stackDepth addresses, the place among them
	evSize     = evStack + 8*stackDepth
)

const (
	packetBytes = 128
	stackDepth  = 24
)

// mostTuple is how long a tuple of conntrack may be.
const mostTuple = 48

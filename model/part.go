package model

// Part is a part of a rule: a condition, or what the rule does.
type Part struct {
	// Text is the part as the rule's program prints it.
	Text string
	// Words say it in one short line; "" where it is not understood.
	Words string
	// Unknown says why it is not, or which bit of it; "" where all of it is understood.
	Unknown string
	// Does is true for what the rule does, false for what a packet is held against.
	Does bool
}

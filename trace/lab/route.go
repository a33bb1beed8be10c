package lab

// routeTypes gives the kernel's number of a route that leads nowhere (rtnetlink(7),
// RTN_BLACKHOLE and the two behind it).
func routeTypes() map[string]int {
	return map[string]int{"blackhole": 6, "unreachable": 7, "prohibit": 8}
}

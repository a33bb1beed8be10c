package model

import "fmt"

// Family is a netfilter protocol family. Its values are the kernel's NFPROTO_*
// numbers (include/uapi/linux/netfilter.h), so a decoder stores the byte it read.
type Family uint8

// The families nfscope knows. FamilyInet is a table's family only: a packet is
// always IPv4 or IPv6.
const (
	FamilyUnspec Family = 0
	FamilyInet   Family = 1
	FamilyIPv4   Family = 2
	FamilyARP    Family = 3
	FamilyNetdev Family = 5
	FamilyBridge Family = 7
	FamilyIPv6   Family = 10
)

var familyNames = map[Family]string{
	FamilyUnspec: "unspec", FamilyInet: "inet", FamilyIPv4: "ip", FamilyARP: "arp",
	FamilyNetdev: "netdev", FamilyBridge: "bridge", FamilyIPv6: "ip6",
}

// String gives the name that nft uses: ip, ip6, inet, arp, bridge, netdev.
func (f Family) String() string {
	if s, ok := familyNames[f]; ok {
		return s
	}
	return fmt.Sprintf("family-%d", uint8(f))
}

// Carries reports whether a chain of family f sees packets of family p.
func (f Family) Carries(p Family) bool {
	return f == p || f == FamilyInet && (p == FamilyIPv4 || p == FamilyIPv6)
}

// MarshalText writes the name.
func (f Family) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (f *Family) UnmarshalText(b []byte) error {
	v, err := ParseFamily(string(b))
	*f = v
	return err
}

// ParseFamily reads a family's name as nft writes it.
func ParseFamily(s string) (Family, error) {
	for f, n := range familyNames {
		if n == s {
			return f, nil
		}
	}
	if n, ok := numbered(s, "family-"); ok {
		return Family(n), nil
	}
	return 0, fmt.Errorf("unknown family %q: expected ip, ip6, inet, arp, bridge or netdev", s)
}

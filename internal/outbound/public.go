package outbound

import "net/netip"

// unicast is what IPv6 has given out so far: RFC 4291 §2.4. Everything else is
// loopback, link-local, unique local, multicast, a translation of IPv4
// (64:ff9b::/96, RFC 6052), or has no use yet.
var unicast = netip.MustParsePrefix("2000::/3")

// special are the prefixes that the IANA Special-Purpose Address Registries
// (RFC 6890) do not call globally reachable, and those that carry an IPv4
// address, which could be any.
var special = prefixes(
	"0.0.0.0/8",       // this network, RFC 791 §3.2; 0.0.0.0 connects to this host
	"10.0.0.0/8",      // private, RFC 1918
	"100.64.0.0/10",   // shared by a carrier's customers, RFC 6598
	"127.0.0.0/8",     // loopback, RFC 1122 §3.2.1.3
	"169.254.0.0/16",  // link-local, RFC 3927; clouds tell their secrets at 169.254.169.254
	"172.16.0.0/12",   // private, RFC 1918
	"192.0.0.0/24",    // protocol assignments, RFC 6890 §2.1
	"192.0.2.0/24",    // documentation, RFC 5737
	"192.88.99.0/24",  // 6to4 relays, RFC 7526
	"192.168.0.0/16",  // private, RFC 1918
	"198.18.0.0/15",   // benchmarks, RFC 2544
	"198.51.100.0/24", // documentation, RFC 5737
	"203.0.113.0/24",  // documentation, RFC 5737
	"224.0.0.0/4",     // multicast, RFC 5771
	"240.0.0.0/4",     // reserved, RFC 1112 §4, and broadcast
	"2001::/23",       // protocol assignments, RFC 2928; Teredo, RFC 4380
	"2001:db8::/32",   // documentation, RFC 3849
	"2002::/16",       // 6to4, RFC 3056
	"3fff::/20",       // documentation, RFC 9637
)

func prefixes(all ...string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, s := range all {
		parsed = append(parsed, netip.MustParsePrefix(s))
	}
	return parsed
}

// Public tells whether an address is one that anybody on the Internet reaches.
// An IPv4 address that is written as IPv6 (::ffff:127.0.0.1) is the IPv4 address.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.Zone() != "" || (ip.Is6() && !unicast.Contains(ip)) {
		return false
	}
	for _, prefix := range special {
		if prefix.Contains(ip) {
			return false
		}
	}
	return ip.IsValid()
}

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// NewPublicTransport is NewTransport for URLs that come from outside: it
// connects to public addresses only, and to loopback ones where that is
// allowed. The address is looked at when the connection is about to be made,
// after the name was resolved, so that no name can change its mind in between.
// It uses no proxy: a proxy would resolve names by itself.
func NewPublicTransport(loopback bool) *http.Transport {
	t := NewTransport()
	t.Proxy = nil
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return checkPublic(address, loopback)
		}}
	t.DialContext = dialer.DialContext
	return t
}

func checkPublic(address string, loopback bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.New("the address cannot be read")
	}
	addr := at.Addr().Unmap()
	if isPublic(addr) || loopback && addr.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s is not a public address", addr)
}

// special are, of what IsGlobalUnicast lets pass, nobody's public addresses
// (RFC 6890 and the IANA registries of special-purpose addresses). They are
// read at each connection, so that who needs no guard pays nothing.
var special = [...]string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"}

const (
	allocated = "2000::/3"     // the only part of IPv6 that is
	nat64     = "64:ff9b::/96" // the way to IPv4 from networks without it: RFC 6052
)

func within(addr netip.Addr, prefix string) bool { return netip.MustParsePrefix(prefix).Contains(addr) }

func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if within(addr, nat64) {
		b := addr.As16()
		addr, _ = netip.AddrFromSlice(b[12:])
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !within(addr, allocated) {
		return false
	}
	for _, prefix := range special {
		if within(addr, prefix) {
			return false
		}
	}
	return true
}

package endpoint

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

func TestPublicAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"1.1.1.1": true, "93.184.216.34": true, "172.15.0.1": true, "172.32.0.1": true, "100.63.0.1": true, "169.253.0.1": true, "223.255.255.254": true,
		"2606:4700::1111": true, "2a00:1450:4001::1": true, "2001:4860:4860::8888": true, "64:ff9b::101:101": true, "::ffff:1.1.1.1": true,

		"127.0.0.1": false, "127.255.0.1": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false, "0.0.0.0": false, "0.1.2.3": false, "192.0.0.8": false,
		"192.0.2.1": false, "192.88.99.1": false, "198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.1": false,
		"224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::7f00:1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::a00:1": false, "2002:7f00:1::": false, "2002:a9fe:a9fe::": false,
		"2001::1": false, "2001:db8::1": false, "3fff::1": false, "100::1": false, "5f00::1": false, "4000::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: public %v, want %v", addr, got, want)
		}
	}
	for _, address := range []string{"", "localhost:443", "1.1.1.1", "[::1"} {
		if checkPublic(address, true) == nil {
			t.Errorf("%q passed", address)
		}
	}
}

// TestHostilePublicTransport: The guard stands where the connection is made, behind all spellings of an address.
func TestHostilePublicTransport(t *testing.T) {
	t.Run("D20 every spelling", func(t *testing.T) {
		hostile.Watch(t, "")
		there := serve(t, answer(200, "{}", "Content-Type", "application/json"))
		for _, host := range []string{there.Hostname(), "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"} {
			u, err := url.Parse("http://" + host + ":" + there.Port() + "/")
			if err != nil {
				t.Fatal(err)
			}
			for _, loopback := range []bool{false, true} {
				tr := NewPublicTransport(loopback)
				defer tr.CloseIdleConnections()
				if tr.Proxy != nil {
					t.Error("a proxy would resolve names behind the guard")
				}
				resp, err := (&Client{Transport: tr, AllowHTTP: true}).Do(t.Context(), &Request{Method: "GET", URL: u, Accept: jsonOnly})
				hostile.Hear(err)
				if loopback {
					if err != nil || resp.Status != 200 {
						t.Errorf("%s, where loopback is allowed: %v", host, err)
					}
					continue
				}
				if e := refused(t, resp, err); e.Sent || !strings.Contains(err.Error(), "not a public address") {
					t.Errorf("%s: %v", host, err)
				}
			}
		}
	})
}

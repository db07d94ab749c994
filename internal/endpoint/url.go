package endpoint

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ParseURL reads the absolute https URL of an endpoint: with a host, without
// user information, without a fragment. Plain http is accepted for loopback
// hosts (127.0.0.0/8, ::1, localhost) when [Client.AllowHTTP] is set. The
// error is an [*Error] that does not repeat the URL.
func (c *Client) ParseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &Error{Expected: c.wanted(), Got: "no URL"}
	}
	// url.Parse does not tell an empty fragment from none.
	if strings.Contains(raw, "#") {
		return nil, &Error{Expected: c.wanted(), Got: "a fragment"}
	}
	if err := c.checkURL(u); err != nil {
		return nil, err
	}
	return u, nil
}

func (c *Client) checkURL(u *url.URL) error {
	var got string
	switch {
	case u.Scheme == "https" || c.AllowHTTP && u.Scheme == "http":
	case u.Scheme == "":
		return &Error{Expected: c.wanted(), Got: "no scheme"}
	default:
		return &Error{Expected: c.wanted(), Got: fmt.Sprintf("scheme %q", clip(u.Scheme))}
	}
	switch {
	case u.User != nil:
		got = "user information"
	case u.Hostname() == "":
		got = "no host"
	case !validPort(u.Port()):
		got = fmt.Sprintf("port %q", clip(u.Port()))
	case u.Fragment != "":
		got = "a fragment"
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		got = fmt.Sprintf("http to %q", clip(u.Hostname()))
	default:
		return nil
	}
	return &Error{Expected: c.wanted(), Got: got}
}

func (c *Client) wanted() string {
	if c.AllowHTTP {
		return "an absolute https URL, or http to a loopback host"
	}
	return "an absolute https URL"
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

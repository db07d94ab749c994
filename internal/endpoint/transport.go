package endpoint

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// NewTransport returns the transport that a client without one of its own
// should use: HTTP/2, TLS 1.2 or later, the proxy of the environment, at most
// 60 connections to one host.
//
// The deadline of the whole exchange is the client's, not the transport's: a
// response header timeout would cost a timer per request and end nothing sooner.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           256,
		// All connections to a host may rest (net/http keeps two and dials anew
		// for the rest). Without the other limit each request that finds none at
		// rest dials another, though one is about to be free.
		MaxIdleConnsPerHost: 60,
		MaxConnsPerHost:     60,
		// Shorter than what servers and their load balancers commonly allow, so
		// that it is our side that closes: a POST on a connection that the other
		// side is just closing fails with an unknown outcome.
		IdleConnTimeout: 30 * time.Second,
		// Answers are small; without inflation there is nothing to inflate.
		DisableCompression: true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 15 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
}

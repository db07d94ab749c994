package openid

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/endpoint"
)

// As much of HTTP/2 as it takes to break it: frames of RFC 9113 section 6, with errors of section 7.
const (
	h2Data, h2Headers, h2Reset, h2Settings, h2Ping, h2GoAway, h2Window = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7, 0x8

	h2EndStream, h2EndHeaders, h2Ack = 0x1, 0x4, 0x1

	h2RefusedStream = 0x7
)

// h2Errors are NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM and HTTP_1_1_REQUIRED.
var h2Errors = []int{0x0, 0x1, 0x2, h2RefusedStream, 0x8, 0xb, 0xd}

type h2Conn struct {
	net.Conn
	in *bufio.Reader
}

func (c *h2Conn) frame(kind, flags byte, stream uint32, payload ...byte) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	b = binary.BigEndian.AppendUint32(append(b, flags), stream)
	c.Write(append(b, payload...))
}

func (c *h2Conn) next() (kind, flags byte, stream uint32, payload []byte, err error) {
	head := make([]byte, 9)
	if _, err = io.ReadFull(c.in, head); err != nil {
		return
	}
	payload = make([]byte, binary.BigEndian.Uint32(head)>>8)
	_, err = io.ReadFull(c.in, payload)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]) &^ (1 << 31), payload, err
}

func (c *h2Conn) reset(stream uint32, code int) {
	c.frame(h2Reset, 0, stream, binary.BigEndian.AppendUint32(nil, uint32(code))...)
}

// goAway says that streams after last were not looked at.
func (c *h2Conn) goAway(last uint32, code int) {
	c.frame(h2GoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), uint32(code))...)
}

// head sends a status and fields without an index (RFC 7541 section 6.2.2).
func (c *h2Conn) head(stream uint32, flags byte, status int, fields ...string) {
	b := []byte{0x08} // :status by its place in the static table
	text := func(s string) { b = append(append(b, byte(len(s))), s...) }
	text(strconv.Itoa(status))
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		b = append(b, 0x00)
		text(strings.ToLower(name))
		text(value)
	}
	c.frame(h2Headers, h2EndHeaders|flags, stream, b...)
}

func (c *h2Conn) answer(stream uint32, a onceAnswer, fields ...string) {
	c.head(stream, 0, a.status, append(fields, "content-type: application/json")...)
	c.frame(h2Data, h2EndStream, stream, []byte(a.body)...)
}

// An h2Fault is what becomes of a stream: early when its header is there, late when all of it is; false: hang up.
type h2Fault struct {
	name        string
	early, late func(s *onceServer, c *h2Conn, stream uint32) bool
}

var h2Faults = []h2Fault{
	{name: "refused before its body", early: func(_ *onceServer, c *h2Conn, stream uint32) bool { c.reset(stream, h2RefusedStream); return true }},
	{name: "reset before its body", early: func(s *onceServer, c *h2Conn, stream uint32) bool { c.reset(stream, s.one(h2Errors)); return true }},
	{name: "go away before its body", early: func(s *onceServer, c *h2Conn, stream uint32) bool { c.goAway(stream-1, s.one(h2Errors)); return true }},
	{name: "closed before its body", early: func(*onceServer, *h2Conn, uint32) bool { return false }},
	{name: "answered before its body", early: func(s *onceServer, c *h2Conn, stream uint32) bool {
		c.head(stream, h2EndStream, s.one(troubled))
		c.reset(stream, 0)
		return true
	}},
	{name: "refused when it was read", late: func(_ *onceServer, c *h2Conn, stream uint32) bool { c.reset(stream, h2RefusedStream); return true }},
	{name: "reset when it was read", late: func(s *onceServer, c *h2Conn, stream uint32) bool { c.reset(stream, s.one(h2Errors)); return true }},
	{name: "go away, it was not looked at", late: func(s *onceServer, c *h2Conn, stream uint32) bool { c.goAway(stream-1, s.one(h2Errors)); return false }},
	{name: "go away, it was", late: func(s *onceServer, c *h2Conn, stream uint32) bool { c.goAway(stream, s.one(h2Errors)); return false }},
	{name: "closed when it was read", late: func(*onceServer, *h2Conn, uint32) bool { return false }},
	{name: "a header and no more", late: func(_ *onceServer, c *h2Conn, stream uint32) bool {
		c.head(stream, 0, 200, "content-type: application/json")
		return false
	}},
	{name: "half a body", late: func(s *onceServer, c *h2Conn, stream uint32) bool {
		c.head(stream, 0, 200, "content-type: application/json")
		c.frame(h2Data, 0, stream, []byte(`{"access_token":`)...)
		c.reset(stream, s.one(h2Errors))
		return true
	}},
	{name: "no frame", late: func(_ *onceServer, c *h2Conn, _ uint32) bool {
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		return false
	}},
	{name: "an error", late: func(s *onceServer, c *h2Conn, stream uint32) bool {
		c.answer(stream, onceAnswer{s.one(troubled), `{"error":"temporarily_unavailable"}`}, "retry-after: 0")
		return true
	}},
	{name: "a redirect", late: func(s *onceServer, c *h2Conn, stream uint32) bool {
		c.answer(stream, onceAnswer{s.one(redirects), ""}, "location: /elsewhere")
		return true
	}},
	{name: "the caller gives up", late: func(s *onceServer, _ *h2Conn, _ uint32) bool { (*s.giveUp.Load())(); return true }},
}

// serveOnceHTTP2 speaks HTTP/2. The honest answer is an error: which endpoint it is for, nobody here decompresses.
func serveOnceHTTP2(faults map[string]h2Fault) func(*onceServer, net.Conn) {
	return func(s *onceServer, conn net.Conn) {
		c := &h2Conn{conn, bufio.NewReader(&tap{Conn: conn, s: s})}
		if _, err := io.ReadFull(c.in, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
			return
		}
		c.frame(h2Settings, 0, 0)
		var f h2Fault
		for {
			kind, flags, stream, payload, err := c.next()
			if err != nil {
				return
			}
			switch kind {
			case h2Settings:
				if flags&h2Ack == 0 {
					c.frame(h2Settings, h2Ack, 0)
				}
			case h2Ping:
				if flags&h2Ack == 0 {
					c.frame(h2Ping, h2Ack, 0, payload...)
				}
			case h2Headers:
				f = h2Fault{}
				if met := s.fault.Swap(nil); met != nil {
					f = faults[met.name]
				}
				if f.early != nil && !f.early(s, c, stream) {
					return
				}
			case h2Data:
				if len(payload) > 0 {
					c.frame(h2Window, 0, 0, binary.BigEndian.AppendUint32(nil, uint32(len(payload)))...)
				}
				switch {
				case flags&h2EndStream == 0 || f.early != nil:
				case f.late == nil:
					c.answer(stream, onceAnswer{400, `{"error":"unknown_user_id"}`})
				case !f.late(s, c, stream):
					return
				}
			}
		}
	}
}

// TestExactlyOnceHTTP2 is TestExactlyOnce where streams are refused and connections told to go away. The transport may send again what the
// server says it did not look at (RFC 9113 section 8.7), and does not, since it cannot have the body twice.
func TestExactlyOnceHTTP2(t *testing.T) {
	known, faults := map[string]h2Fault{}, []onceFault{onceFaults[0], onceFaults[2], onceFaults[3]}
	for _, f := range h2Faults {
		known[f.name] = f
		faults = append(faults, onceFault{name: f.name})
	}
	var calls []onceCall
	for _, call := range onceCalls {
		if call.body {
			calls = append(calls, onceCall{call.name, true, func(ctx context.Context, c *onceClient, mark string) error {
				err := call.call(ctx, c, mark)
				if errors.Is(err, ErrUnknownUserID) {
					return nil
				}
				return err
			}})
		}
	}
	meet(t, exactlyOnceHTTP2, faults, calls, serveOnceHTTP2(known), func() *http.Transport {
		tr := endpoint.NewTransport()
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true) // the frames are those inside TLS, and the wire can be read
		return tr
	})
}

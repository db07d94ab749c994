package storetest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

const firstToken = "rt-0"

// A tokenServer rotates its refresh token, and revokes it when a used one comes back (RFC 9700 section 4.14.2): a line each way.
type tokenServer struct {
	addr  string
	delay time.Duration

	mu        sync.Mutex
	refreshes int
	reused    bool
}

func (r *trial) tokenServer(delay time.Duration) *tokenServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.must("the token server", err)
	s := &tokenServer{addr: l.Addr().String(), delay: delay}
	r.beside.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.beside.Go(func() { s.answer(c) })
		}
	})
	context.AfterFunc(r.ctx, func() { l.Close() })
	return s
}

func (s *tokenServer) answer(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(limit))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return
	}
	s.mu.Lock()
	if used := strings.TrimSpace(line) != fmt.Sprintf("rt-%d", s.refreshes); used || s.reused {
		s.reused = true
		s.mu.Unlock()
		return
	}
	s.refreshes++
	next := fmt.Sprintf("rt-%d", s.refreshes)
	s.mu.Unlock()
	time.Sleep(s.delay)
	fmt.Fprintln(c, next)
}

func redeem(ctx context.Context, addr, token string) (string, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if _, err := fmt.Fprintln(c, token); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the token server refuses the refresh token: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// sent expects that the token server saw one refresh and no used token.
func (s *tokenServer) sent(r *trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refreshes != 1 || s.reused {
		r.fatal("expected one refresh, got %d; a used token was sent: %t", s.refreshes, s.reused)
	}
}

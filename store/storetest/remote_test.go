package storetest

import (
	"context"
	"errors"
	"net"
	"net/rpc"
	"os"
	"testing"
	"time"

	"github.com/openid-client/openid/store"
)

func TestMain(m *testing.M) {
	Child(func(dsn string) (store.Backend, error) {
		c, err := rpc.Dial("tcp", dsn)
		return &remote{c}, err
	})
	os.Exit(m.Run())
}

// TestRemote proves a backend that other processes reach: memory behind a socket.
func TestRemote(t *testing.T) {
	if testing.Short() {
		t.Skip("real time and real processes")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Store", &served{store.NewMemory(10_000)}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go server.ServeConn(c) // ends with its client
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	dsn := l.Addr().String()
	Run(t, func(t *testing.T) store.Backend {
		c, err := rpc.Dial("tcp", dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return &remote{c}
	}, Options{DSN: dsn})
}

// A Call is what goes either way, for any step. gob drops empty values, so what there is needs a word of its own.
type Call struct {
	Key, Fault string
	Value      []byte
	Some, OK   bool
	Remove     bool
	D          time.Duration
	Tok, Over  store.Token
}

type served struct{ b store.Backend }

func (s *served) answer(out *Call, v []byte, ok bool, err error) {
	out.Value, out.Some, out.OK = v, v != nil, ok
	for _, known := range []store.Error{store.ErrLost, store.ErrFull, store.ErrUnreadable} {
		if errors.Is(err, known) {
			out.Fault = string(known)
		}
	}
}

func (s *served) Get(in, out *Call) error {
	v, err := s.b.Get(context.Background(), in.Key)
	s.answer(out, v, true, err)
	return nil
}

func (s *served) Add(in, out *Call) error {
	added, err := s.b.Add(context.Background(), in.Key, in.Value, in.D, in.Tok)
	s.answer(out, nil, added, err)
	return nil
}

func (s *served) Delete(in, out *Call) error {
	s.answer(out, nil, true, s.b.Delete(context.Background(), in.Key))
	return nil
}

func (s *served) Lock(in, out *Call) error {
	l, err := s.b.Lock(context.Background(), in.Key, in.Tok, in.Over, in.D)
	s.answer(out, l.Value, l.OK, err)
	out.Tok, out.D = l.Holder, l.Wait
	return nil
}

func (s *served) Renew(in, out *Call) error {
	s.answer(out, nil, true, s.b.Renew(context.Background(), in.Key, in.Tok, in.D))
	return nil
}

func (s *served) Save(in, out *Call) error {
	var c store.Change
	switch {
	case in.Some:
		c = store.Put(in.Value, in.D)
	case in.Remove:
		c = store.Remove()
	}
	s.answer(out, nil, true, s.b.Save(context.Background(), in.Key, in.Tok, c))
	return nil
}

type remote struct{ c *rpc.Client }

func (r *remote) call(ctx context.Context, step string, in Call) (out Call, err error) {
	if err := ctx.Err(); err != nil {
		return out, err
	}
	got := new(Call)
	pending := r.c.Go("Store."+step, &in, got, make(chan *rpc.Call, 1))
	select {
	case <-pending.Done:
	case <-ctx.Done():
		return out, ctx.Err()
	}
	if pending.Error != nil {
		return out, pending.Error
	}
	if got.Fault != "" {
		return out, store.Error(got.Fault)
	}
	if got.Some && got.Value == nil {
		got.Value = []byte{}
	}
	return *got, nil
}

func (r *remote) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := r.call(ctx, "Get", Call{Key: key})
	return out.Value, err
}

func (r *remote) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
	out, err := r.call(ctx, "Add", Call{Key: key, Value: v, D: ttl, Tok: tok})
	return out.OK, err
}

func (r *remote) Delete(ctx context.Context, key string) error {
	_, err := r.call(ctx, "Delete", Call{Key: key})
	return err
}

func (r *remote) Lock(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
	out, err := r.call(ctx, "Lock", Call{Key: key, Tok: tok, Over: over, D: d})
	return store.Locked{OK: out.OK, Value: out.Value, Holder: out.Tok, Wait: out.D}, err
}

func (r *remote) Renew(ctx context.Context, key string, tok store.Token, d time.Duration) error {
	_, err := r.call(ctx, "Renew", Call{Key: key, Tok: tok, D: d})
	return err
}

func (r *remote) Save(ctx context.Context, key string, tok store.Token, c store.Change) error {
	in := Call{Key: key, Tok: tok, Remove: c.Removes()}
	in.Value, in.D, in.Some = c.Value()
	_, err := r.call(ctx, "Save", in)
	return err
}

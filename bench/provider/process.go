package provider

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/openid-client/openid/bench/fixture"
)

const childVariable = "OPENID_BENCH_PROVIDER"

// ServeIfChild serves, and does not return, in a process that Spawn started; it has to be the first thing that main does. The time and
// the allocations of a server in a process of its own are not the client's.
func ServeIfChild() {
	if os.Getenv(childVariable) == "" {
		return
	}
	if err := serveAsChild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveAsChild() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the parent
		l.Close()
	}()
	set, err := fixture.New()
	if err != nil {
		return err
	}
	p, url := new(Provider), "http://"+l.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("/", &issuer{url, set})
	mux.Handle("/token", p)
	mux.HandleFunc("/connections", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, p.Connections.Load()) })
	fmt.Println(url)
	server := &http.Server{Handler: mux, ConnState: p.count}
	if err := server.Serve(l); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// A Process is a provider in a process of its own: a token endpoint for client credentials at /token, and an issuer that logs users in.
type Process struct {
	URL  string
	stop func() error
}

// Spawn starts this program once more, as a provider.
func Spawn() (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childVariable+"=1", "GOMAXPROCS=1")
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := child.Start(); err != nil {
		return nil, err
	}
	p := &Process{stop: func() error { return errors.Join(in.Close(), child.Wait()) }}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	p.URL = strings.TrimSpace(line)
	return p, nil
}

// Stop ends the process.
func (p *Process) Stop() error { return p.stop() }

// Connections is how many were opened to the provider, the one that asks among them.
func (p *Process) Connections() (int, error) {
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := once.Get(p.URL + "/connections")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(b))
}

//go:build unix

// Package pebble runs pebble, Let's Encrypt's small CA for tests, as a process.
package pebble

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/internal/certs"
	"fermata/internal/lab/port"
)

// Options are how a CA is run.
type Options struct {
	// Address is where it listens, HOST:PORT; empty: a port of its own.
	Address string
	// HTTP and TLS are HOST:PORT of whom it asks, of which it takes the ports. An empty one
	// is where nobody listens.
	HTTP, TLS string
	DNS       string // the DNS server that it asks, HOST:PORT
	// Validity is how long its certificates are valid, in whole seconds; zero: 90 days.
	Validity time.Duration
	// EAB are the accounts, a MAC key by id, of which each new one must name one; nil: none.
	EAB map[string]string
	// OCSP is the URL of the responder that it puts into its certificates; empty: none. It
	// has no responder itself: see CA.Issuer.
	OCSP string
	// Refused are domains for which it issues nothing.
	Refused []string
}

// CA is a running pebble. Its methods are for the test's goroutine.
type CA struct {
	Address   string // HOST:PORT
	Directory string // the URL
	Root      string // PEM file of whom its own HTTPS is from
	manage    string // HOST:PORT
	t         testing.TB
	output    output
	stop      func()
}

// startTimeout is above what a busy machine takes.
const startTimeout = 30 * time.Second

// Start runs a CA until the test ends, or Stop. The test is skipped where pebble cannot
// be built, as it is not on this machine and its source cannot be got.
func Start(t testing.TB, o Options) *CA {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Skipf("SKIPPED, nothing shows that certificates are issued: pebble cannot be built: %v", err)
	}
	dir := t.TempDir()
	pair, err := certs.WriteSelfSigned(dir, []string{"127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if o.Address == "" {
		o.Address = port.Reserve(t)
	}
	ca := &CA{Address: o.Address, Directory: "https://" + o.Address + "/dir", Root: pair.Cert, manage: port.Reserve(t), t: t}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, o.file(ca, pair), 0o600); err != nil {
		t.Fatal(err)
	}
	ca.run(exec.Command(program, "-config", file, "-dnsserver", o.DNS))
	return ca
}

// build returns the program's name. Go's cache keeps it.
func build() (string, error) {
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "fermata").Output()
	if err != nil {
		return "", err
	}
	var wrong strings.Builder
	c := exec.Command("go", "tool", "-n", "pebble")
	c.Dir, c.Stderr = filepath.Join(strings.TrimSpace(string(module)), "internal/lab/pebble/server"), &wrong
	name, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, wrong.String())
	}
	return strings.TrimSpace(string(name)), nil
}

// file is pebble's configuration.
func (o Options) file(ca *CA, pair certs.Pair) []byte {
	validity := 90 * 24 * time.Hour
	if o.Validity > 0 {
		validity = o.Validity
	}
	text, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": ca.Address, "managementListenAddress": ca.manage, "certificate": pair.Cert, "privateKey": pair.Key,
		"httpPort": portOf(o.HTTP), "tlsPort": portOf(o.TLS), "keyAlgorithm": o.algorithm(), "retryAfter": map[string]int{"authz": 1, "order": 1},
		"externalAccountBindingRequired": o.EAB != nil, "externalAccountMACKeys": o.EAB, "ocspResponderURL": o.OCSP, "domainBlocklist": o.Refused,
		"profiles": map[string]any{"default": map[string]any{"description": "the only one", "validityPeriod": int(validity / time.Second)}},
	}})
	if err != nil {
		panic(err) // of strings and numbers
	}
	return text
}

// algorithm is that of the CA's own keys. It shows them only if they are RSA, see Issuer,
// and these take longer to make.
func (o Options) algorithm() string {
	if o.OCSP != "" {
		return "rsa"
	}
	return "ecdsa"
}

func portOf(address string) int {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return 9 // discard: nobody listens
	}
	number, _ := strconv.Atoi(text)
	return number
}

// run starts the process, and waits until it answers.
func (c *CA) run(command *exec.Cmd) {
	c.t.Helper()
	command.Stdout, command.Stderr, command.SysProcAttr = &c.output, &c.output, dieWithParent()
	command.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	if err := command.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		command.Wait()
	}()
	c.stop = sync.OnceFunc(func() {
		command.Process.Kill()
		<-ended
	})
	c.t.Cleanup(c.stop)
	for _, address := range []string{c.Address, c.manage} {
		c.await(address, ended)
	}
}

func (c *CA) await(address string, ended <-chan struct{}) {
	c.t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(startTimeout)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			c.t.Fatalf("pebble: got an end, want a start:\n%s", c.Log())
		case <-late:
			c.t.Fatalf("pebble: got nothing for %v, want a start:\n%s", startTimeout, c.Log())
		}
	}
}

// Stop ends it.
func (c *CA) Stop() { c.stop() }

// Log is what it has said so far.
func (c *CA) Log() string { return c.output.String() }

// output is what a process says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
	"fermata/internal/app"
	"fermata/internal/certs"
	"fermata/internal/config"
	"fermata/internal/console"
	"fermata/internal/lab/demo"
	"fermata/internal/secret"
	"fermata/proxy/session"
)

// demoFlags say where the demo listens, and how large it is.
type demoFlags struct {
	page, secure, plain, admin string
	nodes                      int
	verbose                    bool
}

func newDemoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try Fermata in front of embedded Reverb-like nodes, with a page to look at",
		Long: "Try Fermata in front of embedded Reverb-like nodes, with a page to look at.\n\n" +
			"Everything is in this process and listens on loopback. A port that is taken is replaced by a free one.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLog(cmd.ErrOrStderr(), func(lines *console.Queue) error { return f.run(cmd, lines) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.page, "page", "127.0.0.1:8080", "`ADDRESS` of the page")
	flags.StringVar(&f.secure, "tls", "127.0.0.1:8443", "`ADDRESS` where Fermata takes clients over TLS")
	flags.StringVar(&f.plain, "plain", "127.0.0.1:8000", "`ADDRESS` where Fermata takes clients without TLS")
	flags.StringVar(&f.admin, "admin", "127.0.0.1:9090", "`ADDRESS` of Fermata's admin endpoint")
	flags.IntVar(&f.nodes, "nodes", 3, "how many nodes there are")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show Fermata's log")
	return cmd
}

// run starts the nodes, Fermata and the page, and stops them the other way
// round when the context ends.
func (f *demoFlags) run(cmd *cobra.Command, lines *console.Queue) error {
	if f.nodes < 1 {
		return &exitError{exitUsage, fmt.Errorf("--nodes: got %d, want at least 1", f.nodes)}
	}
	dir, err := os.MkdirTemp("", "fermata-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	nodes, err := demo.StartNodes(f.nodes)
	if err != nil {
		return err
	}
	defer nodes.Stop()
	certificate, err := certs.WriteSelfSigned(dir, []string{"localhost", "127.0.0.1", "::1"}, time.Now())
	if err != nil {
		return err
	}
	c := f.config(nodes, certificate)
	if !f.verbose {
		lines = console.StartQueue(io.Discard)
		defer lines.Close()
	}
	a, err := app.New(func() (*config.Config, error) { return c, nil }, lines)
	if err != nil {
		return err
	}
	if err := a.Listen(); err != nil {
		return err
	}
	page, err := net.Listen("tcp", freeAddress(f.page))
	if err != nil {
		return err
	}
	out := console.StartQueue(cmd.OutOrStdout())
	defer out.Close()
	fmt.Fprint(out, f.welcome(a, page.Addr()))
	return f.serve(cmd.Context(), a, nodes, page)
}

// config is Fermata's configuration in front of the nodes.
func (f *demoFlags) config(nodes *demo.Nodes, certificate certs.Pair) *config.Config {
	c := config.Default()
	c.Nodes = config.Fixed(nodes.Options()...)
	c.Listen = []config.Listen{
		{Address: freeAddress(f.secure), TLS: &config.TLS{Certificates: []certs.Pair{certificate}, MinVersion: "1.2"}},
		{Address: freeAddress(f.plain)},
	}
	c.Sticky.Cookie.Secrets = []secret.Text{secret.Text(rand.Text())}
	c.Apps = []session.App{{ID: demo.AppID, Key: demo.AppKey, Secret: demo.AppSecret}}
	c.Health.Type, c.Health.Reverb.AppKey = "reverb", demo.AppKey
	c.Drain.Rate = 20
	c.Timeouts.Close = time.Second
	c.Admin.Address = freeAddress(f.admin)
	c.Log.Format = "console"
	return c
}

// freeAddress is the address, or one with a free port if that one is taken.
func freeAddress(address string) string {
	l, err := net.Listen("tcp", address)
	if err == nil {
		l.Close()
		return address
	}
	host, _, _ := net.SplitHostPort(address)
	return net.JoinHostPort(host, "0")
}

// welcome says what there is to see and to try.
func (f *demoFlags) welcome(a *app.App, page net.Addr) string {
	clients, control := a.Addresses()
	self := os.Args[0]
	if strings.Contains(self, "go-build") {
		self = "go run ./cmd/fermata"
	}
	return fmt.Sprintf(`Fermata in front of %d Reverb-like nodes:

  page        http://%s
  dashboard   http://%s
  clients     wss://%s and ws://%s

Try, in another terminal:

  export FERMATA_ADMIN=http://%s
  %s status
  %s drain reverb-1 --wait
  %s smoke wss://%s --insecure --app-id %s --key %s --secret %s

Ctrl-C stops it.
`, f.nodes, page, control, clients[0], clients[1], control, self, self, self, clients[0], demo.AppID, demo.AppKey, demo.AppSecret)
}

// serve serves the page and runs Fermata until ctx ends.
func (f *demoFlags) serve(ctx context.Context, a *app.App, nodes *demo.Nodes, page net.Listener) error {
	o := pageOptions(a, nodes)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: demo.Page(o)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(page) }()
	ticking, stopTicking := context.WithCancel(ctx)
	var ticks sync.WaitGroup
	ticks.Go(func() { demo.Tick(ticking, o) })
	err := a.Run(ctx)
	stopTicking()
	ticks.Wait()
	server.Close()
	if pageErr := <-served; !errors.Is(pageErr, http.ErrServerClosed) {
		err = errors.Join(err, pageErr)
	}
	return err
}

func pageOptions(a *app.App, nodes *demo.Nodes) demo.PageOptions {
	clients, _ := a.Addresses()
	return demo.PageOptions{
		WebSocket: "wss://" + clients[0].String(),
		Plain:     "ws://" + clients[1].String(),
		API:       "https://" + clients[0].String(),
		Client:    insecureClient(),
		AppID:     demo.AppID, AppKey: demo.AppKey, AppSecret: demo.AppSecret,
		Nodes:  func() any { return a.Nodes(false).Nodes },
		NodeOf: nodes.Of,
		Drain: func(node string) error {
			_, err := a.Drain(node, admin.DrainRequest{})
			return err
		},
		Undrain: func(node string) error {
			_, err := a.Undrain(node, admin.UndrainRequest{})
			return err
		},
	}
}

// insecureClient trusts the demo's certificate, which nobody has signed.
func insecureClient() *http.Client {
	return &http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	}
}

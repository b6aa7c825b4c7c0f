package devnode

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Main is a node as a process of its own: it prints "listening ADDRESS" and
// serves until SIGTERM or SIGINT, then ends with a bare FIN to everybody. The
// arguments are flags; see the process package for how tests start it.
func Main(args []string, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var o Options
	listen, err := parseFlags(&o, args)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening %s\n", listener.Addr())
	return New(o).Run(ctx, listener)
}

func parseFlags(o *Options, args []string) (listen string, err error) {
	flags := flag.NewFlagSet("devnode", flag.ContinueOnError)
	flags.StringVar(&listen, "listen", "127.0.0.1:0", "address")
	flags.StringVar(&o.Name, "name", "", "told to clients")
	flags.StringVar(&o.AppID, "app-id", "", "the app's id")
	flags.StringVar(&o.AppKey, "app-key", "", "the app's key")
	flags.StringVar(&o.AppSecret, "app-secret", "", "the app's secret")
	flags.IntVar(&o.MaxConnections, "max", 0, "quota of subscribed clients; 0: none")
	flags.StringVar(&o.Prefix, "prefix", "", "path before every route")
	flags.StringVar(&o.Bus, "bus", "", "address of the bus")
	flags.DurationVar(&o.PingInterval, "ping", time.Minute, "until an idle client is pinged")
	flags.IntVar(&o.Faults.DieAt, "die-at", 0, "connections that end the node; 0: any number is fine")
	flags.Func("origins", "allowed host patterns, with commas", func(s string) error {
		o.AllowedOrigins = strings.Split(s, ",")
		return nil
	})
	return listen, flags.Parse(args)
}

package realclient

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// What Options.Library can be.
const (
	PusherJS   = "pusher-js"
	PusherJS81 = "pusher-js-8-1" // the last one that gives up after two unclean closes
	Echo       = "laravel-echo"
)

// Options say which clients run, and what they do from the start.
type Options struct {
	// URL is ws://HOST:PORT or wss://HOST:PORT, with a path prefix at most.
	URL string `json:"url"`
	// Key and Secret are the app's. The clients sign their subscriptions
	// themselves, as Laravel would.
	Key    string `json:"key"`
	Secret string `json:"secret"`
	// Library is one of the constants; empty: PusherJS.
	Library string `json:"library"`
	// Clients is how many there are; 0: one.
	Clients int `json:"clients"`
	// Name is what they are called in a presence channel, with their number:
	// "client 0" is the user with the id "client-0"; empty: client.
	Name string `json:"name"`
	// AtOnce is how many of them connect at the same time at first; each that
	// is connected lets the next one in. 0: all.
	AtOnce int `json:"atOnce"`
	// Channels are those that each client subscribes to, by their full names:
	// private-…, private-encrypted-…, presence-… and cache-… are what they are for
	// Pusher.
	Channels []string `json:"channels"`
	// Events are those that laravel-echo listens for; pusher-js gets all.
	Events []string `json:"events"`
	// Numbered are events that are counted and not kept, and whispers, without
	// what is before their names. Their data is {"n": 1}, {"n": 2} and so on, with
	// a "from" where several send such. See Sequence.
	Numbered []string `json:"numbered"`
	// Room is how many clients of this process share a presence channel that each of
	// them subscribes to besides, presence-NAME.0, …1 and so on, NAME as above; 0: there
	// is none.
	Room int `json:"room"`
	// Untold are types of lines that are left out.
	Untold []string `json:"untold"`
	// Cookies makes clients in node keep the cookie of their 101, as browsers
	// do anyway.
	Cookies bool `json:"cookies"`
	// Hosts take turns, HOST:PORT, in place of the URL's. Only in node; nil: the
	// URL's.
	Hosts []string `json:"hosts,omitempty"`
	// Network gives each client an address in a network of its own, 127.N.N.1,
	// counted from this number on. Only in node; nil: all have the same address.
	Network *int `json:"network,omitempty"`
	// Insecure makes the clients accept any certificate.
	Insecure bool `json:"-"`
	// Timeout bounds each Wait; 0: 30 seconds.
	Timeout time.Duration `json:"-"`
}

func (o *Options) setDefaults() {
	if o.Library == "" {
		o.Library = PusherJS
	}
	if o.Clients == 0 {
		o.Clients = 1
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Name == "" {
		o.Name = "client"
	}
	if o.Numbered == nil {
		o.Numbered = []string{}
	}
	if o.Untold == nil {
		o.Untold = []string{}
	}
	if o.Channels == nil {
		o.Channels = []string{}
	}
	if o.Events == nil {
		o.Events = []string{}
	}
}

// Command is a process of node that runs the clients. It reads commands, writes
// a Line of JSON for each thing that a client sees, and ends when its standard
// input does, or with ctx.
func Command(ctx context.Context, o Options) (*exec.Cmd, error) {
	o.setDefaults()
	config, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", "--no-deprecation", filepath.Join(folder(), "client.mjs"), string(config))
	if o.Insecure {
		cmd.Env = append(os.Environ(), "NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_NO_WARNINGS=1")
	}
	return cmd, nil
}

// folder is where this package's files and node_modules are.
func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

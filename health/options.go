package health

import "time"

// Options say how nodes are checked.
type Options struct {
	// Type is "tcp" (a connect), "http" (a GET) or "reverb" (a WebSocket that
	// is greeted and answers a ping). Only the last two see a frozen node.
	Type     string        `yaml:"type"`
	Interval time.Duration `yaml:"interval"`
	Timeout  time.Duration `yaml:"timeout"`
	// Rise is how many checks in a row must pass before a node that is down
	// counts as up again; Fall how many must fail before it counts as down.
	Rise int `yaml:"rise"`
	Fall int `yaml:"fall"`
	// PanicThreshold is above which share of the nodes, in percent, that fail
	// at once the checks are not believed; 0: they always are.
	PanicThreshold int           `yaml:"panic_threshold"`
	HTTP           HTTPOptions   `yaml:"http"`
	Reverb         ReverbOptions `yaml:"reverb"`
	// PathPrefix is the path before all of a node's paths, such as /ws; empty:
	// none. The configuration has it once, for checks and clients.
	PathPrefix string `yaml:"-"`
}

// What Options.Type can be.
const (
	TypeTCP    = "tcp"
	TypeHTTP   = "http"
	TypeReverb = "reverb"
)

// HTTPOptions are for the type http, and for the type reverb without an app key.
type HTTPOptions struct {
	Path   string `yaml:"path"`
	Status int    `yaml:"status"`
}

// ReverbOptions are for the type reverb.
type ReverbOptions struct {
	// AppKey is a key that the nodes know; empty: the check is the http one.
	AppKey string `yaml:"app_key"`
	// Origin goes with the check's handshake, for apps that allow only some;
	// empty: none is sent.
	Origin string `yaml:"origin"`
	// Delivery is whether an event that is published through one node arrives at
	// all. It is checked, whatever the type is, where an app is known.
	Delivery DeliveryOptions `yaml:"delivery"`
}

// Default is what a configuration without a health section means.
func Default() Options {
	return Options{
		Type:     TypeTCP,
		Interval: 2 * time.Second,
		Timeout:  time.Second,
		Rise:     2,
		Fall:     2,

		PanicThreshold: 50,
		HTTP:           HTTPOptions{Path: "/up", Status: 200},
		Reverb:         ReverbOptions{Delivery: DeliveryOptions{Interval: 10 * time.Second, Timeout: 2 * time.Second}},
	}
}

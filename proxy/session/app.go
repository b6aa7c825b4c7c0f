package session

import "fermata/internal/secret"

// App is one of Reverb's apps, as the nodes know it. Clients of a known app have
// sessions.
type App struct {
	ID     string      `yaml:"id"`     // in the paths of its HTTP API
	Key    string      `yaml:"key"`    // in its clients' path
	Secret secret.Text `yaml:"secret"` // signs its requests and its clients' subscriptions
}

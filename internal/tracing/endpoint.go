package tracing

import (
	"errors"
	"fmt"
	"net/url"
)

// Check errors on an Endpoint that spans cannot be sent to.
func (o Options) Check() error {
	_, err := o.url()
	return err
}

// url is Endpoint with its path.
func (o Options) url() (string, error) {
	u, err := url.Parse(o.Endpoint)
	switch {
	case err == nil && u.User != nil: // which nobody is to see
		return "", errors.New("got a URL with a user, want a token in the environment's OTEL_EXPORTER_OTLP_HEADERS")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("got %q, want a URL such as http://127.0.0.1:4318", o.Endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

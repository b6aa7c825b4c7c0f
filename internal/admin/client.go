package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"fermata/internal/admin/endpoint"
	"fermata/internal/certs"
)

const maxAnswer = 16 << 20 // bytes

// ErrUnreachable is part of the error when no Fermata answers.
var ErrUnreachable = errors.New("cannot reach the admin endpoint")

// APIError is a Fermata's answer that it will not or cannot.
type APIError struct {
	Status  int    // of HTTP
	Code    string // for programs: refused, unknown_node, …
	Message string // for people
}

func (e *APIError) Error() string { return e.Message }

// Is tells which error of Control's it was.
func (e *APIError) Is(target error) bool {
	_, code := classify(target)
	return code != codeInternal && code == e.Code
}

// Client talks to a running Fermata. Its methods may be called concurrently
// and error with *APIError, with ErrUnreachable, or with the context's error.
type Client struct {
	address string
	base    string
	token   string
	http    *http.Client
}

// Trust has the client of an endpoint at https://… take the certificates that one in
// a PEM file has signed, or that are there themselves, in place of the system's
// authorities. It must be called before the first request.
func (c *Client) Trust(file string) error {
	pool, err := certs.LoadCA(file)
	if err != nil {
		return fmt.Errorf("admin endpoint: %w", err)
	}
	c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	return nil
}

// NewClient makes a client for unix:PATH, http://HOST:PORT, https://HOST:PORT or
// HOST:PORT. It connects to nothing yet.
func NewClient(address, token string) (*Client, error) {
	c := &Client{address: address, token: token}
	path, isUnix := endpoint.Socket(address)
	secure, isSecure := strings.CutPrefix(strings.TrimSuffix(address, "/"), "https://")
	host := strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")
	switch {
	case isSecure && isHostPort(secure):
		c.base, c.http = "https://"+secure, newHTTPClient("tcp", secure)
	case isUnix && path != "":
		c.base, c.http = "http://localhost", newHTTPClient("unix", path)
	case !isUnix && isHostPort(host):
		c.base, c.http = "http://"+host, newHTTPClient("tcp", host)
	default:
		return nil, fmt.Errorf("admin endpoint: got %q, want unix:PATH, http://HOST:PORT or https://HOST:PORT", address)
	}
	return c, nil
}

// newHTTPClient makes a client that connects to one address only, whatever
// the environment says about proxies or an answer about other places: the
// token is for nobody else.
func newHTTPClient(network, address string) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, address)
			},
			DisableKeepAlives:     true, // a call now and then; so there is nothing to close
			ResponseHeaderTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && port != "" && !strings.ContainsAny(s, "/?#@ ")
}

// Nodes returns all nodes: of a cluster, or with local of this member alone.
func (c *Client) Nodes(ctx context.Context, local bool) (NodeList, error) {
	var list NodeList
	err := c.call(ctx, http.MethodGet, "/v1/nodes"+localQuery(local), nil, &list)
	return list, err
}

// Node returns one node; local is as in Nodes.
func (c *Client) Node(ctx context.Context, name string, local bool) (Node, error) {
	var node Node
	err := c.call(ctx, http.MethodGet, nodePath(name)+localQuery(local), nil, &node)
	return node, err
}

// localQuery asks for nothing that a Fermata of before would not know, unless it
// is needed.
func localQuery(local bool) string {
	if local {
		return "?local=1"
	}
	return ""
}

// Drain starts a drain, and returns at once with the node as it is then.
func (c *Client) Drain(ctx context.Context, name string, request DrainRequest) (Node, error) {
	var node Node
	err := c.call(ctx, http.MethodPost, nodePath(name)+"/drain", request, &node)
	return node, err
}

// Undrain gives the node clients again.
func (c *Client) Undrain(ctx context.Context, name string, request UndrainRequest) (Node, error) {
	var node Node
	err := c.call(ctx, http.MethodPost, nodePath(name)+"/undrain", request, &node)
	return node, err
}

// Roll returns the roll that has been begun and not ended.
func (c *Client) Roll(ctx context.Context) (Roll, error) {
	var roll Roll
	err := c.call(ctx, http.MethodGet, "/v1/roll", nil, &roll)
	return roll, err
}

// SetRoll says which nodes are still to be drained; none ends the roll. See
// Control.
func (c *Client) SetRoll(ctx context.Context, roll Roll) (is Roll, err error) {
	if len(roll.Nodes) == 0 {
		err = c.call(ctx, http.MethodDelete, "/v1/roll", endRoll{roll.Local, roll.Fence}, &is)
	} else {
		err = c.call(ctx, http.MethodPut, "/v1/roll", roll, &is)
	}
	return is, err
}

// Rebalance starts a rebalance and returns at once with what it will do.
func (c *Client) Rebalance(ctx context.Context, request RebalanceRequest) (Rebalance, error) {
	var rebalance Rebalance
	err := c.call(ctx, http.MethodPost, "/v1/rebalance", request, &rebalance)
	return rebalance, err
}

// Reload has the configuration file read again. An error with the code
// bad_configuration has every mistake, one a line.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	var reloaded Reloaded
	err := c.call(ctx, http.MethodPost, "/v1/reload", nil, &reloaded)
	return reloaded, err
}

// Explain says which node a client would get. One of ip and cookie may be
// empty.
func (c *Client) Explain(ctx context.Context, ip, cookie string) (Explanation, error) {
	query := url.Values{}
	if ip != "" {
		query.Set("ip", ip)
	}
	if cookie != "" {
		query.Set("cookie", cookie)
	}
	var explanation Explanation
	err := c.call(ctx, http.MethodGet, "/v1/explain?"+query.Encode(), nil, &explanation)
	return explanation, err
}

func nodePath(name string) string { return "/v1/nodes/" + url.PathEscape(name) }

// call sends body as JSON unless it is nil, and fills into unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	response, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return c.unreachable(ctx, err)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s does not answer as Fermata does: %w", c.address, err)
	}
	return nil
}

// do returns a response with the status 200; the caller closes its body.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	request, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	return c.send(request)
}

// send is do for a request that is made.
func (c *Client) send(request *http.Request) (*http.Response, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(request.Context(), err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, apiError(response)
	}
	return response, nil
}

func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, &text)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return request, nil
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w %s: %w", ErrUnreachable, c.address, rootCause(err))
}

// rootCause is "connection refused" without the layers around it.
func rootCause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func apiError(response *http.Response) error {
	var body errorBody
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if json.Unmarshal(text, &body) != nil || body.Error.Message == "" {
		body.Error.Message = "the admin endpoint answers " + response.Status + ", which is not how Fermata answers"
	}
	return &APIError{Status: response.StatusCode, Code: body.Error.Code, Message: body.Error.Message}
}

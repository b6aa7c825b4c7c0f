// Package firstconfig writes the configuration that somebody begins with.
package firstconfig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"fermata/internal/acme"
	"fermata/internal/config"
)

// Answers are what the configuration says.
type Answers struct {
	Listen     string   // HOST:PORT or :PORT
	Cert, Key  string   // PEM files; empty: none
	Domains    []string // whose certificates a CA issues, by ACME; nil: none
	Email      string   // whom the CA may write to; empty: nobody
	Nodes      []string // their URLs
	PathPrefix string
	// App is Reverb's; without its ID, key and secret clients have no sessions.
	AppID, AppKey, AppSecret string
}

// FromEnv is what a Laravel application's variables say; the rest is empty.
func FromEnv(env map[string]string) (a Answers) {
	a.AppID, a.AppKey, a.AppSecret = env["REVERB_APP_ID"], env["REVERB_APP_KEY"], env["REVERB_APP_SECRET"]
	a.PathPrefix = strings.TrimRight(env["REVERB_SERVER_PATH"], "/")
	if a.PathPrefix != "" && a.PathPrefix[0] != '/' {
		a.PathPrefix = "/" + a.PathPrefix
	}
	a.Nodes = []string{nodeOf(env)}
	if env["REVERB_SCHEME"] == "http" && env["REVERB_PORT"] != "" && ":"+env["REVERB_PORT"] != portOf(a.Nodes[0]) {
		a.Listen = ":" + env["REVERB_PORT"]
	}
	return a
}

// Missing says what the variables do not, for people.
func Missing(env map[string]string) (notes []string) {
	for _, name := range []string{"REVERB_APP_ID", "REVERB_APP_KEY", "REVERB_APP_SECRET"} {
		if env[name] == "" {
			notes = append(notes, "got no "+name+": without all of the app's id, key and secret a drain closes its clients instead of moving them")
		}
	}
	return notes
}

// SecureListen is where an application's clients connect with wss://.
func SecureListen(env map[string]string) string {
	port := env["REVERB_PORT"]
	if env["REVERB_SCHEME"] != "https" || port == "" || ":"+port == portOf(nodeOf(env)) {
		return ":443"
	}
	return ":" + port
}

// DomainOf is the name by which an application's clients connect with wss://, if a
// public CA issues certificates for it, else nothing.
func DomainOf(env map[string]string) string {
	name := strings.ToLower(env["REVERB_HOST"])
	if env["REVERB_SCHEME"] == "http" || acme.CheckPublicDomain(name) != nil {
		return ""
	}
	return name
}

// nodeOf is the node that runs with these variables, as this machine reaches it.
func nodeOf(env map[string]string) string {
	host, port := env["REVERB_SERVER_HOST"], env["REVERB_SERVER_PORT"]
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "8080" // Reverb's default
	}
	return "http://" + net.JoinHostPort(host, port)
}

func portOf(url string) string { return url[strings.LastIndexByte(url, ':'):] }

// Text is the configuration as a file of that name, to which the relative paths
// in it are relative. It passes the check; the error is all that keeps it from that.
func (a Answers) Text(name string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Every option with its default: config.example.yaml.\n\n")
	a.writeListen(&b)
	b.WriteString("\n# A client keeps its node by its name.\nnodes:\n")
	for i, url := range a.Nodes {
		fmt.Fprintf(&b, "  - {name: reverb-%d, url: %s, max_connections: 950} # more with ext-uv\n", i+1, quoted(url))
	}
	if a.PathPrefix != "" {
		fmt.Fprintf(&b, "\npath_prefix: %s # REVERB_SERVER_PATH\n", quoted(a.PathPrefix))
	}
	a.writeApp(&b)
	fmt.Fprintf(&b, "\nstate_dir: /var/lib/fermata # %s are kept over a restart\n", a.kept())
	if _, err := config.Parse(name, b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (a Answers) writeListen(b *bytes.Buffer) {
	fmt.Fprintf(b, "listen:\n  - address: %s\n", quoted(a.Listen))
	switch {
	case len(a.Domains) > 0:
		a.writeACME(b)
	case a.Cert != "" || a.Key != "":
		fmt.Fprintf(b, "    tls:\n      certificates: [{cert: %s, key: %s}]\n", quoted(a.Cert), quoted(a.Key))
	}
}

// writeACME writes the rest of the listener, and the one at port 80, where the CA asks, too.
func (a Answers) writeACME(b *bytes.Buffer) {
	var domains []string
	for _, domain := range a.Domains {
		domains = append(domains, quoted(domain))
	}
	fmt.Fprintf(b, "    tls:\n      acme: # Let's Encrypt issues the certificates\n        domains: [%s]\n", strings.Join(domains, ", "))
	if a.Email != "" {
		fmt.Fprintf(b, "        email: %s\n", quoted(a.Email))
	}
	host, _, _ := net.SplitHostPort(a.Listen)
	fmt.Fprintf(b, "  - address: %s # plain, and where the CA asks\n", quoted(net.JoinHostPort(host, "80")))
}

// kept is what state_dir is for.
func (a Answers) kept() string {
	if len(a.Domains) > 0 {
		return "certificates and drains"
	}
	return "drains"
}

// writeApp writes what needs to know the app: sessions that move, and checks of
// what nodes deliver.
func (a Answers) writeApp(b *bytes.Buffer) {
	if a.AppID != "" && a.AppKey != "" && a.AppSecret != "" {
		fmt.Fprintf(b, "\n# Clients of this app move to another node without being closed.\napps:\n  - {id: %s, key: %s, secret: %s}\n", quoted(a.AppID), quoted(a.AppKey), quoted(a.AppSecret))
		b.WriteString("\nhealth: {type: reverb} # sees a frozen node\n")
		return
	}
	b.WriteString("\nhealth: {type: http} # sees a frozen node\n")
}

// quoted is a text in YAML, which JSON's strings are. ${ is no variable.
func quoted(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(strings.ReplaceAll(text, "${", "$${")) // no string is an error
	return strings.TrimSuffix(b.String(), "\n")
}

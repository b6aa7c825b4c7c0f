package config

import (
	"path/filepath"

	"fermata/internal/admin/endpoint"
)

// resolvePaths makes every path relative to the file that gives it.
func (c *Config) resolvePaths(file string) {
	dir := filepath.Dir(file)
	for _, listen := range c.Listen {
		if listen.TLS == nil {
			continue
		}
		listen.TLS.ClientCA = resolve(dir, listen.TLS.ClientCA)
		for i := range listen.TLS.Certificates {
			pair := &listen.TLS.Certificates[i]
			pair.Cert, pair.Key = resolve(dir, pair.Cert), resolve(dir, pair.Key)
		}
		if listen.TLS.ACME != nil {
			listen.TLS.ACME.CARoot = resolve(dir, listen.TLS.ACME.CARoot)
		}
	}
	for i := range c.Nodes {
		c.Nodes[i].File = resolve(dir, c.Nodes[i].File)
		if o := c.Nodes[i].TLS; o != nil {
			o.CA, o.ClientCert, o.ClientKey = resolve(dir, o.CA), resolve(dir, o.ClientCert), resolve(dir, o.ClientKey)
		}
	}
	if pair := c.Admin.TLS; pair != nil {
		pair.Cert, pair.Key = resolve(dir, pair.Cert), resolve(dir, pair.Key)
	}
	c.Upgrade.Socket = resolve(dir, c.Upgrade.Socket)
	c.StateDir = resolve(dir, c.StateDir)
	if path, unix := endpoint.Socket(c.Admin.Address); unix {
		c.Admin.Address = "unix:" + resolve(dir, path)
	}
}

func resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

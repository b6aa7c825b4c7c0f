package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"go.uber.org/zap"

	"fermata/internal/admin/endpoint"
	"fermata/internal/certs"
	"fermata/internal/config"
)

// secureAdmin puts TLS over the admin endpoint's listener where that is configured,
// and closes it upon an error.
func (a *App) secureAdmin(l net.Listener) (net.Listener, error) {
	pair := a.config.Admin.TLS
	if _, socket := endpoint.Socket(a.config.Admin.Address); pair == nil || socket {
		return l, nil
	}
	store, err := certs.Load([]certs.Pair{*pair}, nil, certs.Issued{})
	if err != nil {
		l.Close()
		return nil, err
	}
	a.adminCertificate = store
	return tls.NewListener(l, store.Config(tls.VersionTLS12)), nil
}

// watchAdmin follows the endpoint's certificate until ctx ends.
func (a *App) watchAdmin(ctx context.Context) {
	if a.adminCertificate == nil {
		return
	}
	a.watches.Go(func() {
		a.adminCertificate.Watch(ctx, certificateInterval, func(err error) {
			if err != nil {
				a.log.Error("new certificate of the admin endpoint not taken over, the old one stays", zap.NamedError("err", err))
				return
			}
			a.tell("certificate", "", "of the admin endpoint swapped")
		})
	})
}

// adminTLS is what of the endpoint's TLS a reload cannot change.
func adminTLS(c *config.Config) string {
	if c.Admin.TLS == nil {
		return "none"
	}
	return fmt.Sprintf("%s with %s", c.Admin.TLS.Cert, c.Admin.TLS.Key)
}

// wrongToken is told of each request with a wrong token.
func (a *App) wrongToken(from string) {
	a.metrics.WrongToken()
	host, _, err := net.SplitHostPort(from)
	if err != nil {
		host = "this machine" // by the socket
	}
	a.wrongTokens.warn(a.log, "wrong token on the admin endpoint", zap.String("client", host))
}

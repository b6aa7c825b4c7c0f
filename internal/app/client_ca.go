package app

import (
	"errors"

	"go.uber.org/zap"

	"fermata/internal/certs"
	"fermata/internal/config"
)

// loadClientCAs are as loadCertificates.
func loadClientCAs(c *config.Config) ([]*certs.ClientCA, error) {
	all := make([]*certs.ClientCA, len(c.Listen))
	var errs []error
	for i, o := range c.Listen {
		if o.TLS == nil {
			continue
		}
		ca, err := certs.LoadClientCA(o.TLS.ClientCA, nil)
		all[i], errs = ca, append(errs, err)
	}
	return all, errors.Join(errs...)
}

// clientRefused is told of each client without a certificate of tls.client_ca.
func (a *App) clientRefused(err error) {
	a.metrics.ClientRefused(certs.IsNoClientCertificate(err))
	a.strangers.warn(a.log, "client refused for its certificate", zap.NamedError("err", err))
}

func (a *App) clientCAChanged(l listener, err error) {
	if err != nil {
		a.log.Error("new client_ca not taken over, the old one stays", zap.Stringer("address", l.Addr()), zap.NamedError("err", err))
		return
	}
	a.tell("certificate", "", "client_ca swapped", zap.Stringer("address", l.Addr()))
}

package config

import (
	"fmt"
	"regexp"
	"time"

	"fermata/proxy"
	"fermata/proxy/session"
)

// appName is what is the same in every spelling of a path. A key ends at the
// first colon where Reverb reads a signature.
var appName = regexp.MustCompile(`^[A-Za-z0-9._~!$&'()*+,;=@-]{1,64}$`)

func (r *report) validateApps(apps []session.App) {
	ids, keys := map[string]string{}, map[string]string{}
	for i, app := range apps {
		path := fmt.Sprintf("apps[%d]", i)
		r.wantAppName(path+".id", app.ID)
		r.unique(ids, path+".id", app.ID)
		r.wantAppName(path+".key", app.Key)
		r.unique(keys, path+".key", app.Key)
		r.want(app.Secret != "", path+".secret", "got nothing, want the app's secret, such as ${REVERB_APP_SECRET}")
	}
}

func (r *report) wantAppName(path, got string) {
	r.want(appName.MatchString(got), path, "got %q, want 1 to 64 letters, digits or . _ ~ ! $ & ' ( ) * + , ; = @ -", got)
}

func (r *report) validateSession(o proxy.SessionOptions) {
	r.oneOf("session.on_loss", o.OnLoss, proxy.LossClose, proxy.LossMove)
	r.within("session.timeout", o.Timeout, 100*time.Millisecond, time.Minute)
	r.between("session.max_held_bytes", o.MaxHeldBytes, 1<<10, 1<<26)
	r.between("session.max_subscriptions", o.MaxSubscriptions, 1, 100_000)
}

// doubtSession looks for what has no effect.
func (r *report) doubtSession(c *Config) {
	r.prefer(c.Session.OnLoss != proxy.LossMove || len(c.Apps) > 0, "session.on_loss", "got move, and no app whose clients could move, want apps")
}

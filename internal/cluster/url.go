package cluster

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// CheckRedis is an error if Redis is no URL that OpenRedis takes. It shows
// nothing of the URL, in which there may be a password.
func (o Options) CheckRedis() error {
	_, err := parseURL(o.Redis.Reveal())
	return err
}

// parseURL leaves it to go-redis what a URL means, but for the kind of client.
func parseURL(text string) (connect func() redis.UniversalClient, err error) {
	scheme, rest, whole := strings.Cut(text, "://")
	if !whole {
		return nil, errScheme
	}
	scheme, kind, _ := strings.Cut(scheme, "+")
	text = scheme + "://" + rest
	redis.SetLogger(quiet{})
	switch kind {
	case "":
		connect, err = toServer(text)
	case "sentinel":
		connect, err = toSentinels(text)
	case "cluster":
		connect, err = toCluster(text)
	default:
		return nil, errScheme
	}
	if err != nil {
		return nil, discreet(err)
	}
	return connect, nil
}

// quiet says nothing: what matters about Redis, the errors, members log.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

var (
	errScheme = errors.New("no scheme that is known")
	errMaster = errors.New("no master_name in the query")
)

func toServer(text string) (func() redis.UniversalClient, error) {
	o, err := redis.ParseURL(text)
	if err != nil {
		return nil, err
	}
	o.MaxRetries, o.DialerRetries, o.PipelinePoolSize = -1, 1, -1 // the next beat tries again
	bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = noMaintenance()
	return func() redis.UniversalClient { return redis.NewClient(o) }, nil
}

func toSentinels(text string) (func() redis.UniversalClient, error) {
	o, err := redis.ParseFailoverURL(text)
	if err != nil {
		return nil, err
	}
	if o.MasterName == "" {
		return nil, errMaster
	}
	o.MaxRetries, o.DialerRetries, o.PipelinePoolSize = -1, 1, -1 // the next beat tries again
	bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	o.ContextTimeoutEnabled = true
	return func() redis.UniversalClient { return redis.NewFailoverClient(o) }, nil
}

func toCluster(text string) (func() redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(text)
	if err != nil {
		return nil, err
	}
	o.MaxRetries, o.DialerRetries, o.PipelinePoolSize = -1, 1, -1 // the next beat tries again
	bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = noMaintenance()
	return func() redis.UniversalClient { return redis.NewClusterClient(o) }, nil
}

// ioTimeout bounds a dial, a read and a write where the URL does not.
const ioTimeout = time.Second

func bound(timeouts ...*time.Duration) {
	for _, t := range timeouts {
		*t = cmp.Or(*t, ioTimeout)
	}
}

// noMaintenance does without messages that only one vendor's servers send, and
// with them without a command that others do not know.
func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// discreet is what is wrong, without what stands in the URL.
func discreet(err error) error {
	if errors.As(err, new(*url.Error)) {
		return errors.New("what is not a URL")
	}
	message := strings.TrimPrefix(err.Error(), "redis: ")
	message, _, _ = strings.Cut(message, ":")
	return errors.New(message)
}

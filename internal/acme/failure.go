package acme

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	rfc8555 "github.com/mholt/acmez/v3/acme"
)

// failure is how the last attempts ended, until one succeeds. It is kept in the storage,
// so that neither a restart nor another member asks the CA sooner: CAs count failures.
type failure struct {
	Failures int       `json:"failures"`
	Reason   string    `json:"reason"`
	Next     time.Time `json:"next"`
}

// after is the failure that follows.
func (f failure) after(err error, pauses []time.Duration) failure {
	now := time.Now()
	pause := pauses[min(f.Failures, len(pauses)-1)]
	next := now.Add(pause + rand.N(pause/10+1))
	if until := limitedUntil(err, now); until.After(next) {
		next = until
	}
	return failure{Failures: f.Failures + 1, Reason: reason(err), Next: next}
}

// reason is what matters to an operator in an error of certmagic.
func reason(err error) string {
	var problem rfc8555.Problem
	var unreachable *url.Error
	switch {
	case errors.As(err, &problem):
		return strings.TrimPrefix(problem.Type, "urn:ietf:params:acme:error:") + ": " + problem.Detail
	case errors.As(err, &unreachable):
		return unreachable.Error()
	}
	return err.Error()
}

// limitedPause is for a CA that does not say how long its limit lasts.
const limitedPause = time.Hour

// retryAfter is how Let's Encrypt says it; the header field does not come as far.
var retryAfter = regexp.MustCompile(`retry after (\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)`)

// limitedUntil is when a CA that has had too many orders takes one again; the zero time:
// it is not about that.
func limitedUntil(err error, now time.Time) time.Time {
	var problem rfc8555.Problem
	if !errors.As(err, &problem) || problem.Type != rfc8555.ProblemTypeRateLimited && problem.Status != http.StatusTooManyRequests {
		return time.Time{}
	}
	if found := retryAfter.FindStringSubmatch(problem.Detail); found != nil {
		if until, err := time.Parse(time.DateTime, strings.Replace(found[1], "T", " ", 1)); err == nil {
			return until
		}
	}
	return now.Add(limitedPause)
}

// failureKey is where it is kept.
func (k *keeper) failureKey() string {
	return path.Join("failures", certmagic.StorageKeys.Safe(k.issuer.IssuerKey()), certmagic.StorageKeys.Safe(k.domain)+".json")
}

// recall is the zero value where there was none. What could not be read or written, is
// known here.
func (k *keeper) recall(ctx context.Context) (f failure) {
	text, err := k.magic.Storage.Load(ctx, k.failureKey())
	if k.unsaved || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return k.held.Load().failure
	}
	json.Unmarshal(text, &f) // of no file, and of half a one, nothing is known
	return f
}

func (k *keeper) remember(ctx context.Context, f failure) {
	text, err := json.Marshal(f)
	if err == nil {
		err = k.magic.Storage.Store(ctx, k.failureKey(), text)
	}
	k.unsaved = err != nil
}

func (k *keeper) forget(ctx context.Context) {
	k.magic.Storage.Delete(ctx, k.failureKey())
	k.unsaved = false
}

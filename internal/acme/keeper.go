package acme

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

// keeper gets the certificate of one domain, and renews it.
type keeper struct {
	manager *Manager
	domain  string
	account Account
	issuer  *certmagic.ACMEIssuer
	magic   *certmagic.Config

	held    atomic.Pointer[held]
	hurry   chan struct{}
	stop    context.CancelFunc
	before  <-chan struct{} // closed when the keeper that it replaces has ended; nil: there is none
	done    chan struct{}
	isFresh bool // the CA has issued one that was not noticed yet
	unsaved bool // the last failure is not in the storage
}

// held is what a keeper has. It never changes.
type held struct {
	certificate *tls.Certificate // nil: none
	issued      bool
	failure     failure // the zero value: all is well
}

// newKeeper serves, until it has its own, what the one before it has.
func (m *Manager) newKeeper(domain string, account Account, before *keeper) *keeper {
	k := &keeper{manager: m, domain: domain, account: account, hurry: make(chan struct{}, 1), done: make(chan struct{})}
	k.held.Store(new(held))
	if before != nil {
		k.before = before.done
		k.held.Store(&held{certificate: before.held.Load().certificate})
	}
	k.magic, k.issuer = m.magic(k)
	return k
}

// again has a domain that has failed tried now.
func (k *keeper) again() {
	select {
	case k.hurry <- struct{}{}:
	default:
	}
}

func (k *keeper) run(ctx context.Context) {
	defer close(k.done)
	if k.before != nil {
		<-k.before
	}
	for hurried := false; ctx.Err() == nil; {
		timer := time.NewTimer(k.turn(ctx, hurried))
		select {
		case <-timer.C:
			hurried = false
		case <-k.hurry:
			hurried = true
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// lookEvery is how often it is looked whether another member has got what this one is
// not to try again yet.
const lookEvery = 30 * time.Second

// turn does what is to be done now, and returns how long there is nothing.
func (k *keeper) turn(ctx context.Context, hurried bool) time.Duration {
	last := k.recall(ctx)
	if pause := time.Until(last.Next); pause > 0 && !hurried {
		k.load(ctx)
		k.note(last)
		return min(pause, lookEvery)
	}
	err := k.manage(ctx, last.Failures)
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		return k.fail(ctx, last.after(err, k.manager.deps.Pauses))
	case last.Failures > 0:
		k.forget(ctx) // if that fails, the next turn comes late, and tries again
	}
	k.note(failure{})
	return k.untilNextLook()
}

// attemptWithin bounds an attempt, and is below the time for which a lock is held.
const attemptWithin = 100 * time.Second

// manage takes the certificate from the storage, or else from the CA, and renews it when
// that is due, or when it is revoked.
func (k *keeper) manage(ctx context.Context, failures int) error {
	ctx, cancel := context.WithTimeout(ctx, attemptWithin)
	defer cancel()
	// So that certmagic tries first where a failure costs nothing, after one.
	ctx = context.WithValue(ctx, certmagic.AttemptsCtxKey, &failures)
	defer k.take()
	return k.magic.ManageSync(ctx, []string{k.domain})
}

// load takes the certificate from the storage, if there is one.
func (k *keeper) load(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, attemptWithin)
	defer cancel()
	k.magic.CacheManagedCertificate(ctx, k.domain)
	k.take()
}

// take serves what certmagic has put into its cache, and empties that.
func (k *keeper) take() {
	defer k.manager.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: k.domain}})
	for _, c := range k.manager.cache.AllMatchingCertificates(k.domain) {
		k.serve(&c.Certificate)
	}
}

func (k *keeper) serve(c *tls.Certificate) {
	now := *k.held.Load()
	known := now.certificate != nil && now.certificate.Leaf.Equal(c.Leaf)
	now.certificate = c // with a newer staple
	if !known {
		now.issued, now.failure, k.isFresh = k.isFresh, failure{}, false
	}
	k.held.Store(&now)
	if !known && k.manager.deps.Served != nil {
		k.manager.deps.Served(k.state())
	}
}

// note keeps how the last attempt ended.
func (k *keeper) note(f failure) {
	now := *k.held.Load()
	now.failure = f
	k.held.Store(&now)
}

// fail tells of an attempt that failed, and returns when the next is due.
func (k *keeper) fail(ctx context.Context, f failure) time.Duration {
	k.manager.failed.Add(1)
	k.remember(ctx, f)
	k.note(f)
	if k.manager.deps.Failed != nil {
		k.manager.deps.Failed(k.state())
	}
	return min(time.Until(f.Next), lookEvery)
}

// untilNextLook is short for certificates that do not live long.
func (k *keeper) untilNextLook() time.Duration {
	wait := k.manager.deps.CheckEvery
	if c := k.held.Load().certificate; c != nil {
		wait = min(wait, c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)/20)
	}
	return wait*9/10 + rand.N(wait/5+1) // so that members do not look at the same moment
}

func (k *keeper) state() State {
	now := k.held.Load()
	s := State{Domain: k.domain, Issued: now.issued, Failures: now.failure.Failures, Reason: now.failure.Reason, Next: now.failure.Next}
	if now.certificate != nil {
		s.NotAfter = now.certificate.Leaf.NotAfter
	}
	return s
}

package proxy

import (
	"net/netip"
	"testing"
	"time"
)

func TestAnAddressMayHaveSoManyClients(t *testing.T) {
	var c crowd
	one, other := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")
	for i, want := range []bool{true, true, false} {
		if got := c.enter(one, 2); got != want {
			t.Errorf("client %d: got %v, want %v", i+1, got, want)
		}
	}
	if !c.enter(other, 2) {
		t.Error("another address: got a refusal, want none")
	}
	c.leave(one)
	if !c.enter(one, 2) {
		t.Error("after one has left: got a refusal, want none")
	}
	c.leave(one)
	c.leave(one)
	c.leave(other)
	if len(c.clients) > 0 {
		t.Errorf("got %v when all have left, want nothing kept", c.clients)
	}
}

func TestAnAddressMayAskForSoManyUpgradesInASecond(t *testing.T) {
	var c crowd
	from, now := netip.MustParsePrefix("192.0.2.1/32"), time.Now()
	ask := func(times, want int) {
		t.Helper()
		got := 0
		for range times {
			if c.mayAsk(from, 5, now) {
				got++
			}
		}
		if got != want {
			t.Errorf("got %d of %d upgrades, want %d", got, times, want)
		}
	}
	ask(20, 5)
	now = now.Add(200 * time.Millisecond)
	ask(20, 1)
	now = now.Add(time.Hour)
	ask(20, 5)
	now = now.Add(-time.Second) // a clock that goes back
	ask(1, 0)
}

func TestUpgradesOfAnyNumberOfAddressesTakeBoundedMemory(t *testing.T) {
	var c crowd
	now := time.Now()
	for i := range 1_000_000 {
		from := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		if !c.mayAsk(from, 1, now) {
			t.Fatalf("address %d: got a refusal, want none", i)
		}
	}
	if c.mayAsk(netip.MustParsePrefix("10.15.66.63/32"), 1, now) {
		t.Error("got the last address's second upgrade, want it refused")
	}
}

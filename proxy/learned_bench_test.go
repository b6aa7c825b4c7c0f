package proxy

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"fermata/proxy/session"
)

// learnMany learns that many clients of the app of the nodes, of another member.
func learnMany(h *Handler, count int) {
	const each = 500
	for n := range count / each {
		a := Announcement{Number: uint64(n + 1)}
		for i := range each {
			id := fmt.Sprintf("%d.%d", 100_000_000+n*each+i, 200_000_000+i)
			a.IDs = append(a.IDs, MovedID{App: knownApp.ID, Told: id, Present: "9" + id[1:], Node: "reverb-1"})
		}
		h.Learn("edge-2", a)
	}
}

// BenchmarkLearned is what clients cost that other members have moved: their memory,
// and what a request costs that publishes an event, from when its body is there until
// it goes to a node.
func BenchmarkLearned(b *testing.B) {
	for _, count := range []int{0, 500, 100_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			h := handlerOf(poolOf(3))
			o := &Options{Apps: []session.App{knownApp}, Session: DefaultSession()}
			h.SetOptions(*o)
			before := heap()
			learnMany(h, count)
			taken := heap() - before
			body := fmt.Sprintf(`{"name":"shipped","channel":"orders","socket_id":"100000007.200000007","data":%q}`, strings.Repeat("x", 1000))
			target := signedFor(appPath+"/events", appPath+"/events", body, nil)
			for b.Loop() {
				publishOnce(b, h, target, body, o)
			}
			if count > 0 {
				b.ReportMetric(float64(taken)/float64(count), "B/client")
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func publishOnce(b *testing.B, h *Handler, target, text string, o *Options) {
	r := httptest.NewRequest("POST", target, strings.NewReader(text))
	body := h.bodies.open(func(error) {})
	defer body.close()
	if err := body.read(b.Context(), httptest.NewRecorder(), r, DefaultLimits()); err != nil {
		b.Fatal(err)
	}
	_, answered := h.toOthers(r, body, o)
	answered()
}

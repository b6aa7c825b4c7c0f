package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// announcement is Said in Redis.
type announcement struct {
	Member string
	Number uint64
	Oldest uint64
	At     int64      // ms, by Redis's clock
	IDs    [][]string // app, told; present, node unless it has gone; anything more while it is moving
}

const (
	kindIDs = "ids"
	// blobField is the field of an entry of the stream.
	blobField = "b"
)

// add writes an announcement.
func (i *IDs) add(ctx context.Context, s Said) error {
	now := i.deps.Now()
	body, err := json.Marshal(announcement{i.deps.Self, s.Number, s.Oldest, now.UnixMilli(), packed(s.IDs)})
	if err != nil {
		return err
	}
	due := now.Sub(i.expires) >= expireEvery
	_, err = i.deps.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{
			Stream: i.stream, Values: []any{blobField, i.sign.seal(kindIDs, body)},
			MinID: strconv.FormatInt(now.Add(-idsKept).UnixMilli(), 10), Approx: true,
		})
		if due {
			p.Expire(ctx, i.stream, 2*idsKept)
		}
		return nil
	})
	if err == nil && due {
		i.expires = now
	}
	return err
}

func packed(ids []MovedID) (all [][]string) {
	for _, m := range ids {
		one := []string{m.App, m.Told}
		if m.Present != "" {
			one = append(one, m.Present, m.Node)
		}
		if m.Present != "" && m.Moving {
			one = append(one, "moving")
		}
		all = append(all, one)
	}
	return all
}

// unpacked is false for what no member writes.
func unpacked(all [][]string) (ids []MovedID, ok bool) {
	for _, one := range all {
		switch len(one) {
		case 2:
			ids = append(ids, MovedID{App: one[0], Told: one[1]})
		case 4, 5:
			ids = append(ids, MovedID{App: one[0], Told: one[1], Present: one[2], Node: one[3], Moving: len(one) == 5})
		default:
			return nil, false
		}
	}
	return ids, true
}

// read learns what is in the stream from its beginning, and then what comes.
func (i *IDs) read(ctx context.Context) {
	block := time.Duration(-1) // not at all, until it is known that there is no more
	for at := "0"; ctx.Err() == nil; {
		next, err := i.readOn(ctx, at, block)
		if err == nil && next == at && block < 0 {
			close(i.caught)
			block = idsBlock
		}
		if err == nil {
			at = next
			continue
		}
		i.lost(err)
		rest(ctx, idsRetry)
		if at != "0" && i.isBehind(ctx, at) { // it was lost, or its clock goes after
			at = "0"
			i.others.reread()
		}
	}
}

// readOn waits for news for a while, and returns where to go on.
func (i *IDs) readOn(ctx context.Context, from string, block time.Duration) (to string, err error) {
	ctx, cancel := context.WithTimeout(ctx, idsBlock+time.Second)
	defer cancel()
	const most = 100
	got, err := i.deps.Client.XRead(ctx, &redis.XReadArgs{Streams: []string{i.stream, from}, Count: most, Block: block}).Result()
	if errors.Is(err, redis.Nil) {
		i.others.upToDate()
		return from, nil
	}
	if err != nil || len(got) != 1 {
		return from, err
	}
	for _, entry := range got[0].Messages {
		i.hear(entry.Values[blobField])
		from = entry.ID
	}
	if len(got[0].Messages) < most {
		i.others.upToDate()
	}
	return from, nil
}

// isBehind is whether the newest of the stream is older than what was read.
func (i *IDs) isBehind(ctx context.Context, at string) bool {
	newest, err := i.deps.Client.XRevRangeN(ctx, i.stream, "+", "-", 1).Result()
	return err == nil && (len(newest) == 0 || isBefore(newest[0].ID, at))
}

// isBefore compares ids of entries.
func isBefore(id, other string) bool {
	ms, count := entryTime(id)
	otherMs, otherCount := entryTime(other)
	return ms < otherMs || ms == otherMs && count < otherCount
}

func entryTime(id string) (ms, count uint64) {
	first, second, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(first, 10, 64)
	count, _ = strconv.ParseUint(second, 10, 64)
	return ms, count
}

// hear learns what one entry says, if it counts.
func (i *IDs) hear(value any) {
	text, _ := value.(string)
	a, s, reason := i.open([]byte(text))
	if reason == "" && a.Member == i.deps.Self {
		return
	}
	if reason == "" {
		s.Oldest, reason = i.others.hear(a, time.Now())
	}
	switch {
	case reason == "":
		i.deps.Learn(a.Member, s)
	case reason != reasonReread:
		i.deps.Refused(reason)
	}
}

func (i *IDs) open(blob []byte) (a announcement, s Said, reason string) {
	body, err := i.sign.open(kindIDs, blob)
	if err != nil {
		return a, s, RefusedSignature
	}
	if err := json.Unmarshal(body, &a); err != nil || a.Member == "" || a.Number == 0 {
		return a, s, RefusedMalformed
	}
	ids, ok := unpacked(a.IDs)
	switch {
	case !ok:
		return a, s, RefusedMalformed
	case i.deps.Now().Sub(time.UnixMilli(a.At)) > idsKept+time.Minute:
		return a, s, RefusedOld // Redis has dropped it by then, and somebody has written it again
	}
	return a, Said{Number: a.Number, IDs: ids}, ""
}

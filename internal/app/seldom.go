package app

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// seldom is a log line that comes at most once a minute, however often there is
// a reason for it. Its methods may be called concurrently.
type seldom struct {
	limit *rate.Limiter
	count atomic.Int64 // since the last line
}

func newSeldom() *seldom { return &seldom{limit: rate.NewLimiter(rate.Every(time.Minute), 1)} }

// warn logs, or only counts. The line's count is of those since the last one.
func (s *seldom) warn(log *zap.Logger, message string, fields ...zap.Field) {
	s.count.Add(1)
	if s.limit.Allow() {
		log.Warn(message, append(fields, zap.Int64("count", s.count.Swap(0)))...)
	}
}

package main

import (
	"testing"

	"go.uber.org/goleak"

	"fermata/internal/devnode/process"
)

func TestMain(m *testing.M) {
	process.Become()
	goleak.VerifyTestMain(m)
}

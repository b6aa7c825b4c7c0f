//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"fermata/internal/lab/rival"
	"fermata/internal/lab/sheet"
	"fermata/internal/lab/storm/report"
)

// storm is one run of the program.
type storm struct {
	options
	progress io.Writer
	report   report.Report
}

// run plays each scenario with each balancer. Upon an error it returns what
// there is.
func (s *storm) run(ctx context.Context) (*report.Report, error) {
	dir, err := os.MkdirTemp("", "fermata-storm-")
	if err != nil {
		return &s.report, err
	}
	defer os.RemoveAll(dir)
	s.report = report.Report{
		Head:    sheet.Begin(),
		Clients: s.clients, Libraries: s.libraries, Events: s.events, Patience: s.patience,
	}
	defer s.report.End()
	if err := s.find(ctx, dir); err != nil {
		return &s.report, err
	}
	for _, scenario := range s.scenarios {
		s.report.Scenarios = append(s.report.Scenarios, scenario.Scenario)
		for _, b := range s.balancers {
			if !scenario.plays(b) {
				continue
			}
			s.one(ctx, scenario, b)
			if ctx.Err() != nil {
				return &s.report, context.Cause(ctx)
			}
		}
	}
	return &s.report, nil
}

// find leaves out, loudly, the balancers that are not there.
func (s *storm) find(ctx context.Context, dir string) error {
	wanted := s.balancers
	s.balancers = nil
	for _, b := range wanted {
		if !slices.ContainsFunc(s.scenarios, func(scenario *scenario) bool { return scenario.plays(b) }) {
			continue
		}
		if err := b.find(ctx, dir, s.Fermata); err != nil {
			if b.program.Path() == "" && b.program.Name == rival.Fermata {
				return err
			}
			s.remark("%s: %v", b.Name, err)
			continue
		}
		s.balancers = append(s.balancers, b)
		s.report.Balancers = append(s.report.Balancers, b.Balancer)
	}
	return nil
}

// one plays a case; one that fails is left out, with a remark.
func (s *storm) one(ctx context.Context, scenario *scenario, b *balancer) {
	began := time.Now()
	result, remark, err := s.play(ctx, scenario, b)
	if remark != "" {
		s.remark("%s, %s: %s", scenario.Name, b.Name, remark)
	}
	if err != nil && ctx.Err() == nil {
		s.remark("%s, %s: %v", scenario.Name, b.Name, err)
	}
	if err == nil {
		s.report.Cases = append(s.report.Cases, result)
	}
	fmt.Fprintf(s.progress, "%s, %s: %v\n", scenario.Name, b.Name, time.Since(began).Round(time.Second))
}

func (s *storm) remark(format string, args ...any) {
	s.report.Remark(format, args...)
	fmt.Fprintf(s.progress, "! "+format+"\n", args...)
}

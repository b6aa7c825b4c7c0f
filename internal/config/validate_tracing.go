package config

import "fermata/internal/tracing"

func (r *report) validateTracing(o *tracing.Options) {
	if o == nil {
		return
	}
	err := o.Check()
	r.want(err == nil, "tracing.endpoint", "%v", err)
	r.want(o.Sample >= 0 && o.Sample <= 1, "tracing.sample", "got %v, want 0 to 1: 0.01 for one of a hundred", o.Sample)
	r.want(o.Service != "", "tracing.service", "got nothing, want a name such as fermata")
}

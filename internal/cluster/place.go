package cluster

// Key is that of something else that the cluster has in its Redis.
func (o Options) Key(what string) string { return o.key(what) }

package jwks

import "time"

const (
	burst  = 3               // fetches that may follow at once upon each other
	refill = 5 * time.Second // until there is one more
)

// bucket is a token bucket kept as one number: the time when it will be full
// again. The zero value is full.
type bucket struct{ full time.Time }

func (b *bucket) wait(now time.Time) time.Duration {
	return max(0, b.full.Add(-(burst-1)*refill).Sub(now))
}

func (b *bucket) take(now time.Time) bool {
	if b.wait(now) > 0 {
		return false
	}
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(refill)
	return true
}

// wait is how long until the set may be fetched.
func (c *Cache) wait(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bucket.wait(now)
}

func (c *Cache) take(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bucket.take(now)
}

package registry

import (
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// content is what a digest holds. Its bytes were verified; it never changes.
type content struct {
	index    bool
	children []stream.ImageManifest // the images of an index

	// image is what an image says of itself, and of an index its descriptors alone. It is
	// nil when the configuration could not be read for now; then again says when it is
	// to be asked for once more.
	image  *stream.ImageMetadata
	labels plan.Labels
	again  time.Time
}

// platforms are those that the content has an image for.
func (c *content) platforms() []stream.Platform {
	if !c.index {
		if c.image == nil {
			return nil
		}
		return []stream.Platform{{OS: c.image.OS, Architecture: c.image.Architecture, Variant: c.image.Variant}}
	}
	all := make([]stream.Platform, len(c.children))
	for i, m := range c.children {
		all[i] = platformOf(m)
	}
	return all
}

func platformOf(m stream.ImageManifest) stream.Platform {
	return stream.Platform{OS: m.OS, Architecture: m.Architecture, Variant: m.Variant}
}

// Contents remembers what digests hold, so that each is fetched once, whichever Client
// and repository asks. What was not asked for lately is forgotten: that costs requests.
// Clients may share one, since they take a digest from it only after their own registry
// named that digest, or served it.
type Contents struct {
	fetching singleflight.Group

	mu           sync.Mutex
	fresh, stale map[string]*content // by digest
	size         int                 // of fresh, in bytes, more or less
}

// maxContents is how much fresh may hold, in bytes: some thousands of images.
const maxContents = 4 << 20

// NewContents remembers nothing yet.
func NewContents() *Contents {
	return &Contents{fresh: map[string]*content{}, stale: map[string]*content{}}
}

// get gives the content of a digest, nil when it is to be fetched.
func (c *Contents) get(digest string, now time.Time) *content {
	c.mu.Lock()
	defer c.mu.Unlock()
	ct := c.fresh[digest]
	if ct == nil {
		if ct = c.stale[digest]; ct != nil {
			c.keep(digest, ct)
		}
	}
	if ct != nil && !ct.again.IsZero() && !now.Before(ct.again) {
		return nil
	}
	return ct
}

func (c *Contents) put(digest string, ct *content) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(digest, ct)
}

// keep is for holders of the lock.
func (c *Contents) keep(digest string, ct *content) {
	if c.size > maxContents {
		c.fresh, c.stale, c.size = map[string]*content{}, c.fresh, 0
	}
	c.fresh[digest] = ct
	c.size += 512
	if ct.image != nil {
		c.size += len(ct.image.Encode())
	}
}

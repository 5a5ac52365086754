package registry

import (
	"math"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// bulkHeader is how long a registry may think about a blob that it was sent whole.
const bulkHeader = 5 * time.Minute

// bulk carries blobs of any size; all else is as with questions.
type bulk struct {
	opts      Options
	transport *transport
	puller    *remote.Puller
}

func newBulk(opts Options, keys authn.Keychain, tr *transport) (*bulk, error) {
	b := &bulk{opts: opts, transport: tr}
	var err error
	b.puller, err = remote.NewPuller(remoteOptions(opts, keys, tr)...)
	return b, err
}

func newBulkTransport(policies map[string]policy, opts Options) *transport {
	opts.Timeouts.Header = max(opts.Timeouts.Header, bulkHeader)
	tr := newTransport(policies, opts)
	tr.maxBlob = math.MaxInt64
	return tr
}

// pusher gives one for one image: it remembers for good what it wrote.
func (b *bulk) pusher(keys authn.Keychain) (*remote.Pusher, error) {
	return remote.NewPusher(remoteOptions(b.opts, keys, b.transport)...)
}

func remoteOptions(opts Options, keys authn.Keychain, tr *transport) []remote.Option {
	return []remote.Option{
		remote.WithTransport(tr),
		remote.WithAuthFromKeychain(keys),
		remote.WithUserAgent(opts.UserAgent),
		remote.WithPageSize(pageSize),
		// Tries are the transport's business: it knows Retry-After and gives up at
		// once where nobody listens.
		remote.WithRetryPredicate(func(error) bool { return false }),
		remote.WithRetryStatusCodes(),
	}
}

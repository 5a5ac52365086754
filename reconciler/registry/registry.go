// Package registry is the only code that speaks to image registries. It answers
// the questions of a pass: which digest does this reference point to, is the
// content behind a digest never seen before what the digest says, and what does
// that image say of itself? It copies
// images into the registry that it is told. It decides nothing about tags, and keeps
// nothing that a restart would miss.
package registry

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/singleflight"
)

// Options are the operator's. The zero value asks every host over HTTPS with the
// credentials of the docker configuration.
type Options struct {
	Hosts    []Host
	Keychain authn.Keychain // nil: the docker configuration (DOCKER_CONFIG, else ~/.docker)

	// Login gives the operator's credentials for a host, named as in references; the
	// zero Login leaves it to the Keychain. It is asked again from time to time.
	Login func(host string) (Login, error)

	Concurrency     int // questions under way at once; 0: 16
	HostConcurrency int // the same for one host; 0: 8
	RepositoryTags  int // the most tags of a repository that are listed; 0: 10000

	Contents *Contents // what digests hold; nil: one of the Client's own

	UserAgent string // comes before go-containerregistry's own
	Logger    *slog.Logger
	Timeouts  Timeouts
	Backoff   []time.Duration  // pause before each further try of one request; nil: 200ms, 1s
	Now       func() time.Time // nil: time.Now
}

// Timeouts bound every wait for a host. Zero means the default.
type Timeouts struct {
	Dial     time.Duration // a connection, and separately its TLS handshake; 10s
	Header   time.Duration // from a request to the header of its answer; 30s
	Question time.Duration // all requests of one question to one host; 60s
	Copy     time.Duration // of one image; 10m
}

// Host is what the operator says about one registry.
type Host struct {
	Name      string   // host[:port], as in references: docker.io, quay.io, registry.local:5000
	Mirrors   []string // host[:port] or host[:port]/prefix, tried in order before the host itself
	PlainHTTP bool     // the host may be asked without TLS
	CAFile    string   // PEM file of authorities trusted for this host besides the system's
}

// Client answers questions. It is safe for concurrent use, and is kept for as long
// as its options hold: it remembers tokens, connections, what the digests hold whose
// content it verified, and the hosts that are down.
type Client struct {
	opts      Options
	policies  map[string]policy // by canonical host
	keychain  *keychain
	transport *transport
	puller    *remote.Puller
	bulk      *bulk
	slots     chan struct{}
	questions singleflight.Group
	contents  *Contents
	copies    singleflight.Group

	mu    sync.Mutex
	hosts map[string]*host
}

// New checks the options and reads the CA files. It connects to nothing.
func New(opts Options) (*Client, error) {
	opts = withDefaults(opts)
	policies, err := policiesOf(opts.Hosts)
	if err != nil {
		return nil, err
	}
	tr := newTransport(policies, opts)
	forBlobs := newBulkTransport(policies, opts)
	keys := &keychain{inner: opts.Keychain, now: opts.Now, redirected: func(registry string) bool {
		return tr.redirected(registry) || forBlobs.redirected(registry)
	}}
	puller, err := remote.NewPuller(remoteOptions(opts, keys, tr)...)
	if err != nil {
		return nil, err
	}
	blobs, err := newBulk(opts, keys, forBlobs)
	if err != nil {
		return nil, err
	}
	return &Client{
		opts: opts, policies: policies, keychain: keys, transport: tr, puller: puller, bulk: blobs,
		slots:    make(chan struct{}, opts.Concurrency),
		contents: opts.Contents,
		hosts:    map[string]*host{},
	}, nil
}

// Close drops idle connections. The client can still be used.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.bulk.transport.CloseIdleConnections()
}

func withDefaults(o Options) Options {
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	if o.Login != nil {
		o.Keychain = logins{of: o.Login, next: o.Keychain}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Contents == nil {
		o.Contents = NewContents()
	}
	if o.Backoff == nil {
		o.Backoff = []time.Duration{200 * time.Millisecond, time.Second}
	}
	orDefault(&o.Concurrency, 16)
	orDefault(&o.HostConcurrency, 8)
	orDefault(&o.RepositoryTags, 10_000)
	orDefault(&o.Timeouts.Dial, 10*time.Second)
	orDefault(&o.Timeouts.Header, 30*time.Second)
	orDefault(&o.Timeouts.Question, time.Minute)
	orDefault(&o.Timeouts.Copy, 10*time.Minute)
	return o
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

var (
	_ http.RoundTripper = (*transport)(nil)
	_ authn.Keychain    = (*keychain)(nil)
)

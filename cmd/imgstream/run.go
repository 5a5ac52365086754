package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/config"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/hooks"
	"github.com/imgstream/imgstream/reconciler/render"
	"github.com/imgstream/imgstream/reconciler/web"
)

func newRun(a *app) *cobra.Command {
	s := service{app: a}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon: passes by schedule, by change and by poke",
		Long: `Serves the branches of the configuration, or the one that the flags or the clone
around the working directory name: looks at each every --interval, asks for every tag
when it is due, and commits and pushes what moved.

The configuration and the credential files it names are read again when they change. A
bad file keeps the old configuration and is logged. Environment: IMGSTREAM_CONFIG,
IMGSTREAM_LISTEN, and the git token as for sync. SIGTERM ends it within one request.`,
		Example: `  imgstream run --config /etc/imgstream/config.yaml
  imgstream run --repo https://git.example.com/apps.git --branch main --listen :8080`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), cmd.Flags().Changed("interval"))
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.DurationVar(&s.interval, "interval", 30*time.Second, "how often a branch is looked at")
	f.StringVar(&s.listen, "listen", os.Getenv("IMGSTREAM_LISTEN"), "`address` of /healthz, /readyz, /metrics, /api and /hooks (default: the configuration's, else none)")
	return cmd
}

// service is one run of the daemon.
type service struct {
	*app
	target
	interval time.Duration
	listen   string

	log     *slog.Logger
	set     daemon.Set
	metrics *web.Metrics
	config  atomic.Pointer[config.Config] // the one in force
}

func (s *service) run(ctx context.Context, intervalGiven bool) error {
	if s.configFile == "" {
		s.configFile = os.Getenv("IMGSTREAM_CONFIG")
	}
	cfg, err := s.load(s.app)
	if err != nil {
		return err
	}
	if cfg, err = s.single(cfg, intervalGiven); err != nil {
		return err
	}
	s.log = newLogger(s.stderr, cfg.Log)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // a daemon rests most of its life: memory counts for more than the first read
	}
	s.metrics = web.NewMetrics(buildVersion(), s.now)
	if err := s.apply(ctx, cfg); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	if err := s.serve(ctx, cfg, served); err != nil {
		return err
	}
	go s.watchConfig(ctx, intervalGiven)
	s.log.Info("running", "version", buildVersion(), "branches", len(s.set.Loops()))
	select {
	case <-ctx.Done():
		err = nil
	case err = <-served:
	}
	s.log.Info("stopping")
	cancel()
	s.set.Wait()
	return err
}

// single adds the branch that the flags or the clone name to a configuration that
// names none.
func (s *service) single(cfg config.Config, intervalGiven bool) (config.Config, error) {
	if len(cfg.Repositories) > 0 {
		if s.repo != "" || s.branch != "" || intervalGiven {
			return cfg, usagef("--repo, --branch and --interval go without a configuration that has repositories")
		}
		return cfg, nil
	}
	if err := s.complete(s.app); err != nil {
		return cfg, err
	}
	cfg.Repositories = []config.Repository{{
		Name: repositoryName(s.repo), URL: s.repo, Branches: []string{s.branch}, Interval: s.interval, Git: cfg.Git,
	}}
	return cfg, nil
}

// apply makes the daemon serve what the configuration says.
func (s *service) apply(ctx context.Context, cfg config.Config) error {
	asked, err := newRegistries(cfg, s.log)
	if err != nil {
		return err
	}
	var branches []daemon.Branch
	for _, repo := range cfg.Repositories {
		for _, branch := range repo.Branches {
			branches = append(branches, s.branchOf(cfg, repo, branch, asked))
		}
	}
	before := s.set.Loops()
	if err = s.set.Update(ctx, branches, s.log); err == nil {
		s.config.Store(&cfg)
	}
	for _, l := range before {
		if !slices.ContainsFunc(branches, func(b daemon.Branch) bool { return b.Name == l.Name }) {
			s.metrics.Forget(l.Name)
		}
	}
	return err
}

// fingerprint differs where one of the values does.
func fingerprint(values ...any) string {
	text, err := json.Marshal(values)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// repositoryName is the last segment of a URL, without .git.
func repositoryName(url string) string {
	url = strings.TrimSuffix(strings.TrimRight(url, "/"), ".git")
	return url[strings.LastIndexAny(url, "/:")+1:]
}

// localDir is the directory of a repository on this machine, "" for every other URL.
func localDir(url string) string {
	if dir, ok := strings.CutPrefix(url, "file://"); ok {
		return dir
	}
	if strings.Contains(url, "://") || isSSH(url) {
		return ""
	}
	return url
}

// branchOf is one branch of the configuration. Its fingerprint is everything that is
// built from it; the contents of credential files are read when they are needed.
func (s *service) branchOf(cfg config.Config, repo config.Repository, branch string, asked *registries) daemon.Branch {
	name := repo.Name + "/" + branch
	return daemon.Branch{
		Name:        name,
		Fingerprint: fingerprint(repo, cfg.MinimumInterval, cfg.Registries, cfg.AllowedRegistries, cfg.LocalRegistry, cfg.Limits),
		New: func(ctx context.Context) (*daemon.Loop, error) {
			store, err := openStore(s.app, repo.Git, repo.URL, branch)
			if err != nil {
				return nil, err
			}
			r := &reconciler.Reconciler{
				Repo: store, Resolver: s.metrics.Resolver(asked), Copier: asked, Operator: asked.operator(), Now: s.now, Observe: s.metrics.Step(name),
				Verifier: render.Verifier{Builds: cfg.Limits.Builds},
			}
			loop := daemon.New(name, r, repo.Interval, cfg.MinimumInterval, s.log)
			loop.Operator, loop.Observe, loop.Close = asked.operator(), s.metrics.Pass(name), store.Close
			if dir := localDir(repo.URL); dir != "" {
				go s.watchBranch(ctx, dir, branch, loop)
			}
			return loop, nil
		},
	}
}

// watchBranch pokes a Loop when somebody pushes to a repository on this machine.
func (s *service) watchBranch(ctx context.Context, dir, branch string, loop *daemon.Loop) {
	files := []string{filepath.Join(dir, "refs", "heads", filepath.FromSlash(branch)), filepath.Join(dir, "packed-refs")}
	if err := daemon.Watch(ctx, func() []string { return files }, loop.Poke); err != nil {
		s.log.Warn("pushes are seen by the timer alone", "directory", dir, "error", err)
	}
}

// watchConfig applies the configuration again whenever it, or a file that it names,
// changes. What is bad keeps what is in force.
func (s *service) watchConfig(ctx context.Context, intervalGiven bool) {
	files := func() []string {
		all := s.config.Load().Files()
		if s.configFile != "" {
			all = append(all, s.resolve(s.configFile))
		}
		return all
	}
	err := daemon.Watch(ctx, files, func() {
		cfg, err := s.load(s.app)
		if err == nil {
			cfg, err = s.single(cfg, intervalGiven)
		}
		if err == nil {
			err = s.apply(ctx, cfg)
		}
		if err != nil {
			s.log.Error("the configuration changed and is not good: the old one holds", "error", err)
			return
		}
		s.log.Info("the configuration or a file that it names changed: in force", "branches", len(s.set.Loops()))
		s.set.Poke()
	})
	if err != nil {
		s.log.Warn("changed files are not seen without a restart", "error", err)
	}
}

// serve answers over HTTP where an address is given.
func (s *service) serve(ctx context.Context, cfg config.Config, served chan<- error) error {
	address := s.listen
	if address == "" {
		address = cfg.Listen
	}
	if address == "" {
		return nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	opts := web.Options{States: s.set.States, Metrics: s.metrics, Now: s.now, Hooks: map[string]web.Hook{
		"distribution": {Token: s.hookToken, Read: hooks.Distribution, Deliver: s.hint},
	}}
	if cfg.TokenFile != "" {
		opts.Token = func() string {
			token, err := secret(s.config.Load().TokenFile)
			if err != nil {
				return ""
			}
			return token
		}
	}
	server := web.Server(address, web.New(opts))
	s.log.Info("listening", "address", listener.Addr().String())
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			served <- fmt.Errorf("serve: %w", err)
		}
	}()
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(grace)
	}()
	return nil
}

// hookToken is that of the configuration in force; "" where it cannot be read.
func (s *service) hookToken() string {
	token, err := secret(s.config.Load().Hooks.Distribution.TokenFile)
	if err != nil {
		return ""
	}
	return token
}

// hint tells every branch what was pushed, by the name that references have for the registry.
func (s *service) hint(found []hooks.Hint) {
	host := s.config.Load().Hooks.Distribution.Host
	references := make([]string, 0, len(found))
	for _, h := range found {
		if h = h.At(host); h.Host != "" {
			references = append(references, h.Reference())
		}
	}
	s.log.Debug("notified", "references", references)
	for _, l := range s.set.Loops() {
		l.Hint(references...)
	}
}

// newLogger writes text on a terminal and JSON anywhere else, unless the configuration
// says which.
func newLogger(w io.Writer, cfg config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(strings.ToUpper(cfg.Level))) // checked by config; "" is info
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "text" || cfg.Format != "json" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

package kill_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/imgstream/imgstream/gitstore"
	"github.com/imgstream/imgstream/reconciler"
	"github.com/imgstream/imgstream/reconciler/daemon"
	"github.com/imgstream/imgstream/reconciler/registry"
	"github.com/imgstream/imgstream/test/internal/gitserver"
)

// childEnv holds the URL of the life's server, and makes the test binary a daemon.
const childEnv = "KILL_TEST_SERVER"

// child is the daemon. It runs until it is killed, or until its parent is gone.
func child(server string) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	told := teller{url: server + controlPath, gone: cancel}
	store, err := gitstore.Open(gitstore.Options{URL: server + "/" + repository + ".git", Branch: gitserver.Branch})
	if err != nil {
		return err
	}
	client, err := registry.New(registry.Options{})
	if err != nil {
		return err
	}
	r := &reconciler.Reconciler{Repo: toldRepo{store, told}, Resolver: client, Now: time.Now}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	daemon.New("kill", toldPasser{r, told}, time.Second, 0, log).Run(ctx)
	return context.Cause(ctx)
}

// teller tells the parent what point was reached, and goes on when the parent answers.
type teller struct {
	url  string
	gone context.CancelCauseFunc
}

func (t teller) tell(ctx context.Context, at point, more url.Values) {
	more.Set("at", string(at))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+"?"+more.Encode(), http.NoBody)
	if err != nil {
		t.gone(err)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.gone(errors.Join(errors.New("the parent is gone"), err))
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

func (t teller) at(ctx context.Context, p point) { t.tell(ctx, p, url.Values{}) }

// toldRepo tells of every step of a pass that has to do with git.
type toldRepo struct {
	reconciler.Repo
	teller
}

func (r toldRepo) Snapshot(ctx context.Context) (gitstore.Snapshot, error) {
	r.at(ctx, beforeLook)
	snap, err := r.Repo.Snapshot(ctx)
	r.at(ctx, afterFetch)
	return snap, err
}

func (r toldRepo) ChangedAt(ctx context.Context, snap gitstore.Snapshot, paths []string) (map[string]gitstore.Rev, error) {
	r.at(ctx, beforeBlame)
	at, err := r.Repo.ChangedAt(ctx, snap, paths)
	r.at(ctx, afterBlame)
	return at, err
}

func (r toldRepo) Commit(ctx context.Context, base gitstore.Rev, chain []gitstore.Commit) (gitstore.Published, error) {
	r.at(ctx, computed)
	done, err := r.Repo.Commit(ctx, base, chain)
	r.at(ctx, pushed)
	return done, err
}

// toldPasser tells when a pass begins and what it came to.
type toldPasser struct {
	daemon.Passer
	teller
}

func (p toldPasser) Pass(ctx context.Context, req reconciler.Request) (reconciler.Report, error) {
	p.at(ctx, passBegins)
	report, err := p.Passer.Pass(ctx, req)
	p.tell(ctx, passEnded, url.Values{
		"asked": {strconv.Itoa(report.Asked)}, "changes": {strconv.Itoa(len(report.Changes))},
		"attempts": {strconv.Itoa(report.Attempts)}, "error": {fmt.Sprint(err)},
	})
	return report, err
}
